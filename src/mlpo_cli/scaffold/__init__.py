"""Generate projects: the one door to the scaffolds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.scaffold.catalog import available, find
from mlpo_cli.scaffold.place import files_of, staged, tree_hash

__all__ = ["Generated", "Provenance", "available", "generate"]


@dataclass(frozen=True)
class Provenance:
    """What made a project, beside its settings: enough to make it again."""

    mlpo_version: str
    rules_version: str
    criteria: Mapping[str, str | int | None]
    weights: Mapping[str, float]  # that replaced those of the rules


@dataclass(frozen=True)
class Generated:
    """A project on the disk; `tree_hash` is SHA-256 over its paths and bytes."""

    path: Path
    files: tuple[str, ...]
    tree_hash: str


def generate(project: ProjectSettings, target: Path, adr: str, provenance: Provenance) -> Generated:
    """Generate a project at `target`, whole or not at all.

    `project` must name an orchestrator that `available` lists; `adr` is the text of its
    docs/adr/0001-orchestrator.md. Raises TargetError when the target exists or can't be written.
    """
    # Copier takes half a second to import: only who generates pays for it.
    from mlpo_cli.scaffold.render import render

    answers = {
        "name": project.name,
        "package": project.package,
        "orchestrator": project.orchestrator,
        "data_source": project.data_source,
        "ci": project.ci,
    }
    made_by = {
        "_src_path": f"mlpo:{project.orchestrator}",
        "mlpo_version": provenance.mlpo_version,
        "rules_version": provenance.rules_version,
        **answers,
        "criteria": dict(provenance.criteria),
        "weights": dict(provenance.weights),
    }
    with staged(target) as building:
        render(find(project.orchestrator), {**answers, "adr": adr, "provenance": made_by}, building)
        files = files_of(building)
        digest = tree_hash(building, files)
    return Generated(target, files, digest)
