"""Render a scaffold with copier: put its layers together, then run copier without questions."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from copier import Settings, run_copy

from mlpo_cli.resources import scaffolds_dir
from mlpo_cli.scaffold.catalog import Scaffold

_NOT_TEMPLATE = ("scaffold.yaml", "importable.txt", ".pyc")
_CACHES = frozenset({".mypy_cache", ".pytest_cache", ".ruff_cache"})  # left by work on a scaffold


def render(
    scaffold: Scaffold, context: Mapping[str, Any], template: Path, destination: Path
) -> None:
    """Write the project into the folder `destination`. Neither folder may exist yet.

    The layers are copied into `template`; a file of a later layer replaces the one of the same path
    in an earlier layer. Every value of `context` must be valid: copier does not check it. No task
    of a template is run, and no configuration of the user's copier is read.
    """
    for layer in scaffold.layers:
        for path in layer.rglob("*"):
            inside = path.relative_to(layer)
            if path.name.endswith(_NOT_TEMPLATE) or not _CACHES.isdisjoint(inside.parts):
                continue
            if path.is_file():
                _copy_file(path, template / inside)
    _copy_file(scaffolds_dir() / "copier.yml", template / "copier.yml")
    run_copy(
        str(template),
        destination,
        data={**context, "scaffold": dict(scaffold.facts)},
        settings=Settings(),
        defaults=True,
        quiet=True,
        skip_tasks=True,
    )


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
