"""Runs: the pipeline as data, a stage's workspace, and the records of what happened."""
