"""The manifests of a project: written to build/manifests/, or checked. Managed by mlpo.

The orchestrator's layer renders its own, in pipeline/manifests.py; those that every project has
are in workloads.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..settings import ROOT, Settings, from_document
from ..settings import read as read_profile
from .cluster import Cluster, read
from .errors import PipelineError
from .pods import Manifest
from .store import write_text
from .workloads import PRUNE, notes, shared

FOLDER = ROOT / "build" / "manifests"
KUBERNETES = "1.35"  # the oldest release that gets fixes: what it takes, later ones take
MADE = "# Made by `make manifests` from deploy/cluster.yaml and configs/: change those.\n"

Render = Callable[[Settings, dict[str, Any]], dict[str, list[Manifest]]]
Check = Callable[[Settings, dict[str, Any]], list[str]]


def main(
    render: Render,
    check: Check | None = None,
    arguments: list[str] | None = None,
    *,
    kind: type[Cluster] = Cluster,
    prune: Sequence[str] | None = PRUNE,
) -> int:
    """Write the manifests, or check them; returns the exit code: 0, or 1 if something is wrong.

    `render` returns the orchestrator's own, by the file's name without its ending; `check` what is
    wrong besides. `kind` is what deploy/cluster.yaml is read as, `prune` what Python starts at
    night: None where the orchestrator does that.
    """
    parser = argparse.ArgumentParser(prog="make manifests", description="Write what a cluster runs")
    parser.add_argument("--profile", default="cluster", help="a file of configs/, or a path")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is wrong")
    parser.add_argument(
        "-k",
        "--kubernetes",
        metavar="VERSION",
        default=KUBERNETES,
        help=f"the release to check against; {KUBERNETES} where none is given",
    )
    chosen = parser.parse_args(arguments)
    try:
        document = read_profile(chosen.profile)
        settings = from_document(document)
        cluster = read(kind, settings)
        found = render(settings, document)
        if settings.compute == "kubernetes":
            found = {**shared(settings, cluster, chosen.profile, prune), **found}
        if chosen.check:
            wrong = check(settings, document) if check else []
            print(checked(found, cluster, chosen.kubernetes, wrong))
        else:
            for path in write(found, notes(settings, cluster)):
                print(path)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def checked(
    found: dict[str, list[Manifest]], cluster: Cluster, version: str, besides: list[str]
) -> str:
    """Say that nothing is wrong; raises PipelineError that names all that is."""
    from .checks import problems  # its schemas are there for development only

    wrong = problems(found, cluster, version) + besides
    if wrong:
        raise PipelineError("the manifests have problems:\n  - " + "\n  - ".join(wrong))
    count = sum(map(len, found.values()))
    return f"{count} manifests for Kubernetes {version}: no problems found"


def write(found: dict[str, list[Manifest]], above: dict[str, str]) -> list[Path]:
    """Write each file whole, and remove those of an earlier call that are none any more."""
    texts = {
        FOLDER / f"{stem}.yaml": MADE + above.get(stem, "") + as_yaml(documents)
        for stem, documents in sorted(found.items())
    }
    for path, text in texts.items():
        write_text(path, text)
    for path in FOLDER.glob("*.yaml"):
        if path not in texts and path.read_text(encoding="utf-8").startswith(MADE):
            path.unlink()
    return list(texts)


def as_yaml(documents: list[Manifest]) -> str:
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
