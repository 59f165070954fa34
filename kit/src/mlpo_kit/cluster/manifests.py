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

FOLDER = "build/manifests"  # in the project
KUBERNETES = "1.35"  # the oldest release that gets fixes: what it takes, later ones take
MADE = "# Made by `make manifests` from deploy/cluster.yaml and configs/: change those.\n"


def render_manifests(
    settings: BaseSettings,
    cluster: Cluster,
    profile: str,
    own: dict[str, list[Manifest]],
    prune: Sequence[str] | None = PRUNE,
) -> dict[str, list[Manifest]]:
    """Render what a cluster is given, by the file's name without its ending.

    `own` are the orchestrator's. `prune` is what Python starts at night: None where the
    orchestrator does that.
    """
    if settings.compute != "kubernetes":
        return own
    return {**render_workloads(settings, cluster, profile, prune), **own}


def check_manifests(
    found: dict[str, list[Manifest]], cluster: Cluster, version: str, besides: list[str]
) -> str:
    """Say that the schemas of a release of Kubernetes find nothing wrong.

    Raises PipelineError that names what is, in each document; `besides` are other problems.
    """
    wrong = [
        f"{stem}.yaml: {document['kind']} {document['metadata']['name']}: {problem}"
        for stem, documents in found.items()
        for document in documents
        if (problem := check_document(document, version))
    ]
    if wrong := [*wrong, *besides]:
        raise PipelineError("the manifests have problems:\n  - " + "\n  - ".join(wrong))
    count = sum(map(len, found.values()))
    return f"{count} manifests for Kubernetes {version}: no problems found"


def write_manifests(found: dict[str, list[Manifest]], above: dict[str, str]) -> list[Path]:
    """Write each file whole, and remove those of an earlier call that are none any more."""
    folder = find_project().root / FOLDER
    texts = {
        folder / f"{stem}.yaml": MADE + above.get(stem, "") + to_yaml(documents)
        for stem, documents in sorted(found.items())
    }
    for path, text in texts.items():
        write_text(path, text)
    for path in folder.glob("*.yaml"):
        if path not in texts and path.read_text(encoding="utf-8").startswith(MADE):
            path.unlink()
    return list(texts)


def to_yaml(documents: list[Manifest]) -> str:
    """The documents of one file, the same text for the same documents."""
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=1000)
    return text


class _Dumper(yaml.SafeDumper):
    """Writes manifests as people do: no anchors, and texts of several lines as they are."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
