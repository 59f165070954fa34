"""Render a scaffold with copier: layers over each other, then one run without questions."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from copier import run_copy

from mlpo_cli.resources import scaffolds_dir
from mlpo_cli.scaffold.catalog import Scaffold

_NOT_TEMPLATE = shutil.ignore_patterns("scaffold.yaml", "__pycache__", "*.pyc")


def render(scaffold: Scaffold, context: Mapping[str, Any], destination: Path) -> None:
    """Write the project into `destination`, an empty or missing folder.

    A file of a later layer replaces one of the same path in an earlier layer. Every value of
    `context` must have been validated: copier takes it as it is. No template task ever runs.
    """
    with tempfile.TemporaryDirectory(prefix="mlpo-") as folder:
        template = Path(folder)
        for layer in scaffold.layers:
            shutil.copytree(layer, template, ignore=_NOT_TEMPLATE, dirs_exist_ok=True)
        shutil.copy2(scaffolds_dir() / "copier.yml", template)
        run_copy(
            str(template),
            destination,
            data={**context, "scaffold": dict(scaffold.facts)},
            defaults=True,
            quiet=True,
        )
