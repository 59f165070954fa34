"""One environment per orchestrator, set up once and lent to every test that only runs a project."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import Project, bare_environment


def environment(orchestrator: str, factory: pytest.TempPathFactory) -> Path:
    """The .venv of an orchestrator's projects, made by the `make setup` of the first who asks.

    All workers of a test session share it.
    """
    session = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent
    folder = session / "environments" / orchestrator
    folder.mkdir(parents=True, exist_ok=True)
    project = folder / "lent"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (project / ".venv" / "ready").exists():
            new = [sys.executable, "-m", "mlpo_cli", "new", "lent", "--orchestrator", orchestrator]
            if not project.exists():
                subprocess.run(new, cwd=folder, env=bare_environment(), check=True)
            Project(project).make("setup")
    return project / ".venv"


def borrow(project: Project, lent: Path) -> dict[str, Any]:
    """Lend a project an environment; returns the variables that its `make` needs for it.

    The environment holds the package of another project; this one's must come first.
    """
    (project.path / ".venv").symlink_to(lent)
    (lent / "ready").touch()  # newer than this project's locks: nothing to install
    return {"PYTHONPATH": str(project.path / "src")}
