"""mlpo: recommends an ML pipeline orchestrator and generates a project that runs on it."""

__version__ = "0.1.0"
