"""Runs: the pipeline as data, the workspace of a stage, and the records of a run."""
