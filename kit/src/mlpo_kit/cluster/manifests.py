"""The manifests of a project: written to build/manifests/, or checked.

An orchestrator's adapter renders its own; those that every project has are in workloads.py.
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

Files = dict[str, list[Manifest]]  # the documents of each file, by its name without its ending
FOLDER = "build/manifests"  # in the project
KUBERNETES = "1.35"  # the oldest release that gets fixes: what it takes, later ones take
MADE = "# Made by `make manifests` from deploy/cluster.yaml and configs/: change those.\n"


def render_manifests(
    settings: BaseSettings,
    cluster: Cluster,
    profile: str,
    own: Files,
    prune: Sequence[str] | None = PRUNE,
) -> Files:
    """Render what a cluster is given for a profile: every project's, and the orchestrator's `own`.

    `prune` is what Python starts at night: None where the orchestrator does that.
    """
    if settings.compute != "kubernetes":
        return own
    return {**render_workloads(settings, cluster, profile, prune), **own}


def check_manifests(files: Files, version: str, more_problems: Sequence[str] = ()) -> str:
    """Check manifests with the schemas of a release of Kubernetes, such as 1.35.

    Returns the sentence that they are fine. Raises PipelineError that names the first problem of
    each document, and `more_problems`. Kinds of extensions are not looked at.
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
    """Write each file to build/manifests/, and remove those of earlier calls that are none now.

    `comments` stand above the manifests, by the file's name. Returns the paths.
    """
    folder = find_project().root / FOLDER
    texts = {
        folder / f"{stem}.yaml": MADE + comments.get(stem, "") + to_yaml(documents)
        for stem, documents in sorted(files.items())
    }
    for path, text in texts.items():
        write_text(path, text)
    for path in folder.glob("*.yaml"):
        if path not in texts and path.read_text(encoding="utf-8").startswith(MADE):
            path.unlink()
    return list(texts)


def drop_nulls(value: Any) -> Any:
    """Return a document without what is null: what makes it names all that could have been said."""
    if isinstance(value, dict):
        return {name: drop_nulls(item) for name, item in value.items() if item is not None}
    return [drop_nulls(item) for item in value] if isinstance(value, list) else value


def to_yaml(documents: list[Manifest]) -> str:
    """Format the documents of one file: the same text for the same documents."""
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=1000)
    return text


class _Dumper(yaml.SafeDumper):
    """Writes manifests as people do: no anchors, and texts of several lines as they are."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


def _format_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _format_text)
