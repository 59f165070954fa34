"""Render a scaffold: merge its layers into one template, then run copier without questions."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from copier import Settings, run_copy
from plumbum import local

from mlpo_cli.resources import scaffolds_dir
from mlpo_cli.scaffold.catalog import Scaffold

_NOT_COPIED = ("scaffold.yaml", "importable.txt", ".pyc")
_CACHES = frozenset({".mypy_cache", ".pytest_cache", ".ruff_cache"})  # of developers' tools


def render(
    scaffold: Scaffold, context: Mapping[str, Any], template: Path, destination: Path
) -> None:
    """Write the project into the folder `destination`. Neither folder may exist yet.

    The layers are copied into the folder `template`; a file of a later layer replaces the file with
    the same path in an earlier one. Every value of `context` must be valid: copier does not check
    it. Tasks of templates are not run, and the user's configuration of copier is not read.
    """
    for layer in scaffold.layers:
        for path in layer.rglob("*"):
            relative = path.relative_to(layer)
            if path.name.endswith(_NOT_COPIED) or not _CACHES.isdisjoint(relative.parts):
                continue
            if path.is_file():
                _copy_file(path, template / relative)
    _copy_file(scaffolds_dir() / "copier.yml", template / "copier.yml")
    # copier 9.19 starts git for every file, for the index of a repository that is not there yet.
    with local.env(PATH=""):
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
