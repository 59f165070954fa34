"""The installed versions that a stage can reach: of what it imports, and of what that requires.

What pip left beside the packages tells it, and nothing is imported. Python's own importlib.metadata
would read it all: some hundred milliseconds.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_kit.config.project import read_requirements

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_EXTRA = re.compile(r"""extra == ["']([^"']+)""")
_DEVELOPMENT = re.compile(r"test|dev|doc|lint|typing|quality|bench|example")  # extras for that
KIT = "mlpo-kit"  # counts by what its parts do, not by its version


@dataclass(frozen=True)
class Distribution:
    """An installed package: its version, local build included, and the folder that tells of it."""

    name: str
    version: str
    folder: Path

    @property
    def is_editable(self) -> bool:
        """Whether it is a link to sources, which count as code."""
        return '"editable"' in _read(self.folder / "direct_url.json")


@dataclass(frozen=True)
class Index:
    """All distributions by name, and the names of those that a top-level module may be from."""

    distributions: dict[str, Distribution]
    owners: dict[str, tuple[str, ...]]


def find_distributions(packages: Iterable[str], is_open: bool = False) -> dict[str, Distribution]:
    """Find the distributions of top-level modules, and all that these require here, by name.

    With `is_open` also all that the project asks for, and what that requires. An extra counts where
    something asks for it; and of what is imported itself also where the project asks for what the
    extra brings: so does pyarrow for pandas, which nobody has to import.
    """
    index = _read_index(tuple(_list_folders()))
    asked = [_parse(text) for text in read_requirements()]
    declared = {normalize(requirement.name): requirement.extras for requirement in asked}
    imported = {owner for top in packages for owner in index.owners.get(top, ())}
    waiting = [(name, frozenset[str]()) for name in imported]
    if is_open:
        waiting += [(name, frozenset(extras)) for name, extras in declared.items()]
    found: dict[str, Distribution] = {}
    extras_of: dict[str, frozenset[str]] = {}
    while waiting:
        name, extras = waiting.pop()
        extras = extras | declared.get(name, set()) | extras_of.get(name, frozenset())
        distribution = index.distributions.get(name)
        if distribution is None or extras_of.get(name) == extras:
            continue
        if name == KIT and not is_open:  # what is reached of it counts by its parts
            continue
        found[name], extras_of[name] = distribution, extras
        for requirement in _list_requirements(distribution.folder):
            wanted = normalize(requirement.name)
            is_used = name in imported and wanted in declared and wanted != name
            if wanted in index.distributions and _holds(requirement, extras, is_used):
                waiting.append((wanted, frozenset(requirement.extras)))
    found.pop(KIT, None)
    return dict(sorted(found.items()))


def find_version(name: str) -> str:
    """Find which version of a distribution is installed; nothing where it is not."""
    known = _read_index(tuple(_list_folders())).distributions.get(normalize(name))
    return "" if known is None else known.version


def normalize(name: str) -> str:
    """Spell a distribution's name as an index does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _holds(requirement: Requirement, extras: frozenset[str], is_used: bool) -> bool:
    """Whether a requirement counts on this machine: with these extras, or with any that it has."""
    marker = requirement.marker
    if marker is None:
        return True
    names = {"", *extras}
    if is_used:
        names |= {name for name in _EXTRA.findall(str(marker)) if not _DEVELOPMENT.search(name)}
    return any(marker.evaluate({"extra": name}) for name in names)


def _list_folders() -> Iterator[tuple[str, int]]:
    """The folders that Python imports from, with the time of their last change."""
    for path in dict.fromkeys(sys.path):
        try:
            yield path or ".", os.stat(path or ".").st_mtime_ns
        except OSError:  # not there
            continue


@lru_cache(maxsize=8)  # what is installed meanwhile changes a folder's time
def _read_index(folders: tuple[tuple[str, int], ...]) -> Index:
    distributions: dict[str, Distribution] = {}
    owners: dict[str, list[str]] = {}
    for folder, _ in folders:
        for path in _list_metadata(folder):
            name, _, version = path.name.removesuffix(".dist-info").partition("-")
            name = normalize(name)
            if name not in distributions:  # the first one on the path is imported
                distributions[name] = Distribution(name, version, path)
                for top in _list_modules(path):
                    owners.setdefault(top, []).append(name)
    return Index(distributions, {top: tuple(names) for top, names in owners.items()})


def _list_metadata(folder: str) -> list[Path]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".dist-info"))
    except OSError:  # an archive, or closed to us
        return []
    return [Path(folder, name) for name in names]


def _list_modules(folder: Path) -> set[str]:
    """The top-level modules of a distribution, as far as they can be told from its files."""
    if names := _read(folder / "top_level.txt").split():
        return set(names)
    record = _read(folder / "RECORD")
    return {name.partition(".")[0] for name in re.findall(r"^([^/,\n]+)", record, re.M)}


@lru_cache(maxsize=1024)
def _list_requirements(folder: Path) -> tuple[Requirement, ...]:
    head = _read(folder / "METADATA").partition("\n\n")[0]
    return tuple(_parse(line) for line in re.findall(r"^Requires-Dist: (.+)$", head, re.M))


@lru_cache(maxsize=4096)
def _parse(text: str) -> Requirement:
    from packaging.requirements import Requirement

    return Requirement(text)


def _read(path: Path) -> str:
    """A file's text; nothing where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
