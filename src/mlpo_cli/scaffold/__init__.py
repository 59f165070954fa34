"""Generate projects from the scaffolds."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mlpo_cli.answers.fields import SCHEMA_VERSION
from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.errors import TargetError, is_system_error
from mlpo_cli.scaffold import place
from mlpo_cli.scaffold.catalog import list_scaffolds, load_scaffold
from mlpo_cli.staging import remove_abandoned, staging_folder

__all__ = ["File", "Generated", "Provenance", "generate", "list_scaffolds"]


@dataclass(frozen=True)
class Provenance:
    """What a project was made from besides its settings: enough to generate it again."""

    mlpo_version: str
    rules_version: str
    criteria: Mapping[str, str | int | tuple[str, ...] | None]
    weights: Mapping[str, float]  # only those that replace weights of the rules


@dataclass(frozen=True)
class File:
    """A file of the project: its path relative to the project, with `/`, and its size."""

    path: str
    bytes: int


@dataclass(frozen=True)
class Generated:
    """A generated project. `tree_hash` is the SHA-256 of its paths and contents."""

    path: Path
    files: tuple[File, ...]
    tree_hash: str


def generate(
    project: ProjectSettings,
    target: Path,
    adr: str,
    provenance: Provenance,
    dry_run: bool = False,
) -> Generated:
    """Generate a project at `target`: completely or not at all.

    A dry run returns the same, but leaves the target as it is. `project` must name an orchestrator
    that `list_scaffolds` lists; `adr` is the text of its docs/adr/0001-orchestrator.md. Raises
    TargetError when the target can't be written, and when the project would replace files in it,
    with a list of these.
    """
    # Importing copier takes half a second, so it is imported only here.
    from mlpo_cli.scaffold.origin import write_origin
    from mlpo_cli.scaffold.render import render
    from mlpo_cli.scaffold.vendor import write_kit

    settings = asdict(project)
    document = {
        "schema_version": SCHEMA_VERSION,
        "criteria": dict(provenance.criteria),
        "project": settings,
        "overrides": {"weights": dict(provenance.weights)},
    }
    versions = {"mlpo": provenance.mlpo_version, "rules": provenance.rules_version}
    parent = place.get_staging_parent(target)
    remove_abandoned(target.parent)
    with staging_folder(Path(tempfile.gettempdir()) if dry_run else parent) as staging:
        tree = staging / "project"
        try:
            context = {**settings, "adr": adr}
            render(load_scaffold(project.orchestrator), context, staging / "template", tree)
            write_kit(tree)
            write_origin(tree, document, versions)
            place.set_modes(tree)
            files = place.list_files(tree)
            generated = Generated(
                target,
                tuple(File(name, (tree / name).stat().st_size) for name in files),
                place.hash_tree(tree, files),
            )
        except OSError as error:
            if not is_system_error(error):
                raise
            raise TargetError(f"cannot create {target}: {error.strerror}") from error
        if dry_run:
            place.check_conflicts(files, target)
        else:
            place.move_to_target(tree, files, target, staging)
    return generated
