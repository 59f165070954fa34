"""One environment per orchestrator, lent to every test that only runs a project."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from projects import Project

ROOT = Path(__file__).parents[1]


@cache
def _prepare(orchestrator: str) -> Path:
    sys.path.insert(0, str(ROOT / "scripts"))
    environment: Path = import_module("test_environments").prepare_environment(orchestrator)
    return environment


def environment(orchestrator: str, factory: pytest.TempPathFactory) -> Path:
    """The .venv of an orchestrator's projects, as `make environments` sets it up."""
    return _prepare(orchestrator)


def borrow(project: Project, lent: Path) -> dict[str, Any]:
    """Lend a project an environment; returns the variables that its `make` needs for it.

    The environment holds the package of another project; this one's must come first.
    """
    (project.path / ".venv").symlink_to(lent)
    (lent / "ready").touch()  # newer than this project's locks: nothing to install
    mypy = ROOT / ".mypy_cache" / "projects" / lent.parent.name  # libraries are checked once
    return {"PYTHONPATH": str(project.path / "src"), "MYPY_CACHE_DIR": str(mypy)}
