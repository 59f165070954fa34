"""What `mlpo new` did, or would do: as a tree for people, as JSON for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.reports import jsondoc
from mlpo_cli.scaffold import File, Generated


def tree(name: str, files: Sequence[File]) -> str:
    """The files as an indented tree with their sizes."""
    rows = [(f"{name}/", f"{len(files)} files, {size(sum(file.bytes for file in files))}")]
    shown: list[str] = []
    for file in sorted(files, key=lambda file: _order(file.path)):
        *folders, leaf = file.path.split("/")
        same = 0
        while same < min(len(folders), len(shown)) and folders[same] == shown[same]:
            same += 1
        rows += [(f"{'  ' * (n + 1)}{folders[n]}/", "") for n in range(same, len(folders))]
        rows.append((f"{'  ' * (len(folders) + 1)}{leaf}", size(file.bytes)))
        shown = folders
    width = max(len(text) for text, _ in rows) + 2
    return "".join(f"{text:<{width}}{told}".rstrip() + "\n" for text, told in rows)


def _order(path: str) -> list[tuple[bool, str]]:
    """In each folder first its files, then its folders."""
    *folders, leaf = path.split("/")
    return [*((True, folder) for folder in folders), (False, leaf)]


def size(number: int) -> str:
    """A number of bytes for people, in powers of ten."""
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:.1f} kB" if number < 10**6 else f"{number / 10**6:.1f} MB"


def document(
    settings: ProjectSettings,
    generated: Generated,
    decision: Decision | None,
    warnings: Sequence[str],
    following: Sequence[str],
    done: Mapping[str, Any],
) -> dict[str, Any]:
    """The JSON document; `done` is what else was done, or that nothing was."""
    return {
        "schema_version": jsondoc.SCHEMA_VERSION,
        "project": asdict(settings),
        "path": str(generated.path),
        "tree_hash": generated.tree_hash,
        "files": [asdict(file) for file in generated.files],
        "decision": jsondoc.decision_document(decision) if decision else None,
        "warnings": list(warnings),
        "next": list(following),
        **done,
    }
