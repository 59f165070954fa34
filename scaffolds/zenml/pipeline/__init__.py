"""The pipeline as ZenML runs it: steps, stacks, and how a run is started."""
