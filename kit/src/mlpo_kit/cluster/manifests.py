"""Render a project's manifests, write them to build/manifests/, or check them.

workloads.py renders the manifests of every project, an orchestrator's adapter its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from mlpo_kit.cluster.description import Cluster
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.cluster.schemas import check_document
from mlpo_kit.cluster.workloads import PRUNE, render_workloads
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.store.files import write_text

Files = dict[str, list[Manifest]]  # the documents of each file, by file name without suffix
FOLDER = "build/manifests"  # in the project
KUBERNETES = "1.35"  # the oldest supported release: later ones accept what it accepts
HEADER = "# Made by `make manifests` from deploy/cluster.yaml and configs/: change those.\n"


def render_manifests(
    settings: BaseSettings,
    cluster: Cluster,
    profile: str,
    adapter_files: Files,
    prune: Sequence[str] | None = PRUNE,
) -> Files:
    """Render all manifests of a profile, including the orchestrator's `adapter_files`.

    `prune` holds Python's arguments for the nightly prune; None if the orchestrator schedules it.
    """
    if settings.compute != "kubernetes":
        return adapter_files
    return {**render_workloads(settings, cluster, profile, prune), **adapter_files}


def check_manifests(files: Files, version: str, more_problems: Sequence[str] = ()) -> str:
    """Check manifests against the schemas of a release of Kubernetes, such as 1.35.

    Returns a sentence that says that they have no problems. Raises PipelineError that lists the
    first problem of each document, and `more_problems`. Kinds of extensions are not checked.
    """
    problems = [
        f"{stem}.yaml: {document['kind']} {document['metadata'].get('name')}: {problem}"
        for stem, documents in files.items()
        for document in documents
        if (problem := check_document(document, version))
    ]
    if problems := [*problems, *more_problems]:
        raise PipelineError("the manifests have problems:\n  - " + "\n  - ".join(problems))
    count = sum(map(len, files.values()))
    return f"{count} manifests for Kubernetes {version}: no problems found"


def write_manifests(files: Files, comments: dict[str, str]) -> list[Path]:
    """Write the files to build/manifests/; returns their paths.

    Deletes files of earlier calls that are no longer rendered. `comments`, by file name without
    suffix, are written above the manifests.
    """
    folder = find_project().root / FOLDER
    texts = {folder / name: text for name, text in format_files(files, comments).items()}
    for path, text in texts.items():
        write_text(path, text)
    for path in folder.glob("*.yaml"):
        if path not in texts and path.read_text(encoding="utf-8").startswith(HEADER):
            path.unlink()
    return list(texts)


def format_files(files: Files, comments: dict[str, str]) -> dict[str, str]:
    """Return the text of each file, by its name; `comments` are written above the manifests."""
    return {
        f"{stem}.yaml": HEADER + comments.get(stem, "") + to_yaml(documents)
        for stem, documents in sorted(files.items())
    }


def drop_nulls(value: Any) -> Any:
    """Remove null values from a document: generated documents name also fields without a value."""
    if isinstance(value, dict):
        return {name: drop_nulls(item) for name, item in value.items() if item is not None}
    return [drop_nulls(item) for item in value] if isinstance(value, list) else value


def to_yaml(documents: list[Manifest]) -> str:
    """Format the documents of one file as YAML. Equal documents give equal texts."""
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=1000)
    return text


class _Dumper(yaml.SafeDumper):
    """Writes YAML as people do: no anchors, and texts of several lines as blocks."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


def _format_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _format_text)
