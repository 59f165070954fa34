"""What `mlpo new` did, or would do: as text for people, as JSON for scripts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.reports import jsondoc, sentences
from mlpo_cli.scaffold import File, Generated


@dataclass(frozen=True)
class Result:
    """What was done. `extra` holds the documents of `git` and `run`, if there are any."""

    settings: ProjectSettings
    generated: Generated
    decision: Decision | None
    warnings: Sequence[str]
    dry_run: bool
    extra: Mapping[str, Any]


def list_targets(settings: ProjectSettings) -> list[str]:
    """The targets of make that set a new project up and run it."""
    return ["setup", *(["sample-data"] if settings.data_source != "digits" else []), "run"]


def list_next_commands(result: Result) -> list[str]:
    """The commands to type next."""
    targets = "serve" if "run" in result.extra else " ".join(list_targets(result.settings))
    return [f"cd {shlex.quote(result.settings.name)}", f"make {targets}"]


def list_output(result: Result) -> str:
    """What goes to stdout: the path of the project, or after a dry run its files."""
    if result.dry_run:
        return draw_tree(result.settings.name, result.generated.files)
    return f"{result.generated.path}\n"


def summarize(rules: Rules, result: Result) -> str:
    """What was made and what to do next, for a person."""
    name = sentences.title(rules, result.settings.orchestrator)
    if result.dry_run:
        return f"Nothing was written: this was a dry run of a project for {name}."
    commands = "\n".join(f"  {command}" for command in list_next_commands(result))
    generated = result.generated
    return f"{len(generated.files)} files for {name}, tree {generated.tree_hash}\nNext:\n{commands}"


def draw_tree(name: str, files: Sequence[File]) -> str:
    """The files as an indented tree with their sizes."""
    rows = [(f"{name}/", f"{len(files)} files, {format_size(sum(f.bytes for f in files))}")]
    last: list[str] = []
    for file in sorted(files, key=lambda file: _sort_key(file.path)):
        *folders, leaf = file.path.split("/")
        same = 0
        while same < min(len(folders), len(last)) and folders[same] == last[same]:
            same += 1
        rows += [(f"{'  ' * (n + 1)}{folders[n]}/", "") for n in range(same, len(folders))]
        rows.append((f"{'  ' * (len(folders) + 1)}{leaf}", format_size(file.bytes)))
        last = folders
    width = max(len(text) for text, _ in rows) + 2
    return "".join(f"{text:<{width}}{size}".rstrip() + "\n" for text, size in rows)


def _sort_key(path: str) -> list[tuple[bool, str]]:
    """Sort the files of a folder before its folders."""
    *folders, leaf = path.split("/")
    return [*((True, folder) for folder in folders), (False, leaf)]


def format_size(number: int) -> str:
    """A number of bytes for people, in powers of ten."""
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:.1f} kB" if number < 10**6 else f"{number / 10**6:.1f} MB"


def make_document(result: Result) -> dict[str, Any]:
    """The JSON document of `mlpo new --json`."""
    generated = result.generated
    return {
        "schema_version": jsondoc.SCHEMA_VERSION,
        "project": asdict(result.settings),
        "path": str(generated.path),
        "tree_hash": generated.tree_hash,
        "files": [asdict(file) for file in generated.files],
        "decision": jsondoc.decision_document(result.decision) if result.decision else None,
        "warnings": list(result.warnings),
        "next": list_next_commands(result),
        "dry_run": result.dry_run,
        **result.extra,
    }
