"""Render a scaffold with copier: layers over each other, then one run without questions."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from copier import Settings, run_copy

from mlpo_cli.resources import scaffolds_dir
from mlpo_cli.scaffold.catalog import Scaffold

_NOT_TEMPLATE = ("scaffold.yaml", ".pyc")
_CACHES = frozenset({".mypy_cache", ".pytest_cache", ".ruff_cache"})  # of who works on a scaffold


def render(
    scaffold: Scaffold, context: Mapping[str, Any], template: Path, destination: Path
) -> None:
    """Write the project into `destination`; both folders must be missing.

    `template` is where the layers are laid over each other: a file of a later layer replaces one
    of the same path in an earlier layer. Every value of `context` must have been validated:
    copier takes it as it is. No template task ever runs, no setting of the user's copier counts.
    """
    for layer in scaffold.layers:
        for path in layer.rglob("*"):
            inside = path.relative_to(layer)
            if path.name.endswith(_NOT_TEMPLATE) or not _CACHES.isdisjoint(inside.parts):
                continue
            if path.is_file():
                _lay(path, template / inside)
    _lay(scaffolds_dir() / "copier.yml", template / "copier.yml")
    run_copy(
        str(template),
        destination,
        data={**context, "scaffold": dict(scaffold.facts)},
        settings=Settings(),
        defaults=True,
        quiet=True,
        skip_tasks=True,
    )


def _lay(path: Path, there: Path) -> None:
    there.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, there)
