"""Check manifests that were copied into deploy/ and committed: they may be out of date.

`make manifests` writes to build/manifests/, which git ignores: only a copy can become stale. Looks
at the files of the model server and of the nightly prune. Does not look at those of the
orchestrator: most of them only show what it creates itself, and Metaflow's workflow contains the
user's name, the time and a hash of the code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.manifests import FOLDER, HEADER, format_files, render_manifests
from mlpo_kit.cluster.workloads import NOTES, describe_files
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings

COPIES = "deploy"  # in the project
# The tag of the project's image: every change of the code changes it.
_TAG = re.compile(r"(?<=:)[0-9a-f]{16}(?=-(?:cpu|cuda)\b)")

Texts = Mapping[str, str]  # of files, by name


def find_problems(
    kind: type[Cluster], prune: Sequence[str] | None, profiles: Mapping[str, BaseSettings]
) -> list[str]:
    """Find the copies that `make manifests` would write otherwise; each begins with its place.

    `kind` and `prune` are the orchestrator's CLUSTER and PRUNE_COMMAND, `profiles` the settings of
    those for a cluster, by name. Raises PipelineError if deploy/cluster.yaml does not fit them.
    """
    copies = _read_copies(find_project().root)
    if not copies:
        return []
    rendered = {}
    for profile, settings in profiles.items():
        cluster = read_cluster(kind, settings)
        files = render_manifests(settings, cluster, profile, {}, prune)
        rendered[profile] = format_files(files, describe_files(settings, cluster))
    return compare_copies(copies, rendered)


def compare_copies(copies: Texts, rendered: Mapping[str, Texts]) -> list[str]:
    """Compare copies, by their path, with the files that are rendered for each profile.

    A copy is up to date if one profile gives its text. Image tags are not compared: a copy names
    an image that was built, and the code changes after that.
    """
    problems = []
    for path, text in copies.items():
        name = path.rpartition("/")[2]
        texts = {profile: files[name] for profile, files in rendered.items() if name in files}
        if not texts:
            problems.append(f"{path}:1: `make manifests` does not write {name} any more: delete it")
            continue
        differences = {
            profile: _find_differences(_hide_tags(text), _hide_tags(current))
            for profile, current in texts.items()
        }
        profile = min(differences, key=lambda each: len(differences[each]))  # most like the copy
        if differences[profile]:
            line, old, new = differences[profile][0]
            problems.append(
                f"{path}:{line}: {_quote(old)} is out of date: deploy/cluster.yaml and the profile "
                f"{profile} now give {_quote(new)}. Run `make manifests PROFILE={profile}`, then "
                f"copy {FOLDER}/{name} here"
            )
    return problems


def _read_copies(root: Path) -> dict[str, str]:
    """Read the files in deploy/ that begin as `make manifests` writes them, by path."""
    copies = {}
    for path in sorted((root / COPIES).rglob("*.yaml")):
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.stem in NOTES and text.startswith(HEADER):
            copies[path.relative_to(root).as_posix()] = text
    return copies


def _hide_tags(text: str) -> list[str]:
    return _TAG.sub("<tag>", text).splitlines()


def _find_differences(old: list[str], new: list[str]) -> list[tuple[int, str, str]]:
    """List the lines that differ: number, old text, new text."""
    return [
        (number, one, other)
        for number, (one, other) in enumerate(zip_longest(old, new, fillvalue=""), 1)
        if one != other
    ]


def _quote(line: str) -> str:
    return f"`{line.strip()}`" if line.strip() else "the end of the file"
