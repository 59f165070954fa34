"""Set the variables that MLflow reads at import. Import this module before MLflow."""

from __future__ import annotations

import os

# MLflow sends telemetry by default, and warns if git is missing.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# MLflow logs each SQLite table that it creates, which is noise here.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
# MLflow prints the address of a run that ends to stdout, which holds the answers of commands.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
