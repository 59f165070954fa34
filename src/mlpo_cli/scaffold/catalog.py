"""Find the scaffolds and load their descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlpo_cli.resources import scaffolds_dir

CORE = "core"
_DESCRIPTION = "scaffold.yaml"


@dataclass(frozen=True)
class Scaffold:
    """A project template: the shared core, and the layer of one orchestrator over it.

    `facts` is the content of its scaffold.yaml, which the templates of the core use.
    """

    orchestrator: str
    facts: Mapping[str, Any]
    layers: tuple[Path, ...]


def list_scaffolds() -> tuple[str, ...]:
    """List the orchestrators that a project can be generated for, sorted."""
    return tuple(sorted(path.parent.name for path in scaffolds_dir().glob(f"*/{_DESCRIPTION}")))


def load_scaffold(orchestrator: str) -> Scaffold:
    """Load the scaffold of an orchestrator that `list_scaffolds` lists."""
    root = scaffolds_dir()
    facts = yaml.safe_load((root / orchestrator / _DESCRIPTION).read_text(encoding="utf-8"))
    return Scaffold(
        orchestrator=orchestrator,
        facts=facts,
        layers=(root / CORE, root / orchestrator),
    )
