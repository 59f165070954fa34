"""Models and runs in a notebook or script: `mlpo_kit.open_model` and `mlpo_kit.open_run`."""
