"""Execution: run a stage or reuse its result, record it, and plan a run."""
