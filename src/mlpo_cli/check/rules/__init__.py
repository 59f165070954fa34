"""One rule, one file: `mlpNNN.py` with RULE, and `check`, `check_spec` or `check_text`."""
