"""Execution: run a stage or reuse a result, record it, foresee it."""
