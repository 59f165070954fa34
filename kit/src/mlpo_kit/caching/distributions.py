"""Find the installed versions of the packages that a stage imports and of their requirements.

Reads the metadata that pip installs with packages, and imports nothing. importlib.metadata would
read all of it, which takes some hundred milliseconds.
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
_DEVELOPMENT = re.compile(r"test|dev|doc|lint|typing|quality|bench|example")  # names of extras
KIT = "mlpo-kit"  # counts by its behaviour numbers, not by its version


@dataclass(frozen=True)
class Distribution:
    """An installed package: its version with local build tag, and its .dist-info folder."""

    name: str
    version: str
    folder: Path

    @property
    def is_editable(self) -> bool:
        """Whether it is an editable install: its sources count as code, not by version."""
        return '"editable"' in _read(self.folder / "direct_url.json")


@dataclass(frozen=True)
class Index:
    """All distributions by name, and the distributions that may own each top-level module."""

    distributions: dict[str, Distribution]
    owners: dict[str, tuple[str, ...]]


def find_distributions(packages: Iterable[str], is_open: bool = False) -> dict[str, Distribution]:
    """Find the distributions of top-level modules and everything they require, by name.

    With `is_open`, include everything that the project requires. An extra counts if a requirement
    names it. An extra of an imported package also counts if the project requires a package that
    the extra adds, even if nothing imports that package: pyarrow for pandas is an example.
    """
    index = _read_index(tuple(_list_folders()))
    requirements = [_parse(text) for text in read_requirements()]
    declared = {normalize(requirement.name): requirement.extras for requirement in requirements}
    imported = {owner for top in packages for owner in index.owners.get(top, ())}
    waiting = [(name, frozenset[str]()) for name in imported]
    if is_open:
        waiting += [(name, frozenset(extras)) for name, extras in declared.items()]
    reached: dict[str, Distribution] = {}
    extras_of: dict[str, frozenset[str]] = {}
    while waiting:
        name, extras = waiting.pop()
        extras = extras | declared.get(name, set()) | extras_of.get(name, frozenset())
        distribution = index.distributions.get(name)
        if distribution is None or extras_of.get(name) == extras:
            continue
        if name == KIT and not is_open:  # its behaviour numbers count instead
            continue
        reached[name], extras_of[name] = distribution, extras
        for requirement in _list_requirements(distribution.folder):
            required = normalize(requirement.name)
            is_declared = name in imported and required in declared and required != name
            if required in index.distributions and _applies(requirement, extras, is_declared):
                waiting.append((required, frozenset(requirement.extras)))
    reached.pop(KIT, None)
    return dict(sorted(reached.items()))


def find_version(name: str) -> str:
    """Find the installed version of a distribution; empty if it is not installed."""
    distribution = _read_index(tuple(_list_folders())).distributions.get(normalize(name))
    return "" if distribution is None else distribution.version


def normalize(name: str) -> str:
    """Normalize a distribution's name, as package indexes do."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _applies(requirement: Requirement, extras: frozenset[str], is_declared: bool) -> bool:
    """Whether a requirement applies on this machine with these extras.

    If the project declares the required package itself, all extras in the marker count, except
    those for development.
    """
    marker = requirement.marker
    if marker is None:
        return True
    names = {"", *extras}
    if is_declared:
        names |= {name for name in _EXTRA.findall(str(marker)) if not _DEVELOPMENT.search(name)}
    return any(marker.evaluate({"extra": name}) for name in names)


def _list_folders() -> Iterator[tuple[str, int]]:
    """List the folders that Python imports from, with the time of their last change."""
    for path in dict.fromkeys(sys.path):
        try:
            yield path or ".", os.stat(path or ".").st_mtime_ns
        except OSError:  # the folder does not exist
            continue


@lru_cache(maxsize=8)  # installing a package changes the time of its folder
def _read_index(folders: tuple[tuple[str, int], ...]) -> Index:
    distributions: dict[str, Distribution] = {}
    owners: dict[str, list[str]] = {}
    for folder, _ in folders:
        for path in _list_metadata(folder):
            name, _, version = path.name.removesuffix(".dist-info").partition("-")
            name = normalize(name)
            if name not in distributions:  # Python imports the first one on the path
                distributions[name] = Distribution(name, version, path)
                for top in _list_modules(path):
                    owners.setdefault(top, []).append(name)
    return Index(distributions, {top: tuple(names) for top, names in owners.items()})


def _list_metadata(folder: str) -> list[Path]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".dist-info"))
    except OSError:  # an archive, or a folder without read permission
        return []
    return [Path(folder, name) for name in names]


def _list_modules(folder: Path) -> set[str]:
    """List the top-level modules of a distribution, as far as its metadata tells."""
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
    """Read a text file; empty if it does not exist."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
