"""Settings that MLflow reads as it is imported: import this first."""

from __future__ import annotations

import os

# It phones home unless told not to, and warns where there is no git.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# Its log of SQLite tables being made tells the reader nothing.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
