"""Check the lock files against pyproject.toml and the wheel in vendor/, without the network.

Looks at what this machine would install: every distribution that pyproject.toml or the library in
vendor/ asks for is pinned to a version that satisfies it, and the locks agree with each other.
Does not look at what the pinned distributions ask for, at pins that nothing asks for any more, at
requirements of other systems and Pythons, or whether newer versions exist.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_kit.caching.distributions import KIT, normalize
from mlpo_kit.config.project import find_project, read_group, read_requirements
from mlpo_kit.setup import vendored
from mlpo_kit.setup.environment import SetupError
from mlpo_kit.setup.lock import CUDA_ONLY, DEV, SMALL, WHOLE, remove_packages

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PYPROJECT = "pyproject.toml"
FIX = "run `make lock`"


@dataclass(frozen=True)
class Pin:
    """An entry of a lock: a distribution, its version and the line; no version for an address."""

    name: str
    version: str | None
    line: int


@dataclass(frozen=True)
class Wanted:
    """A requirement, and who asks for it: `pyproject.toml:7`, or the library."""

    text: str
    place: str


def find_problems() -> list[str]:
    """Find what is stale in the locks; every problem begins with its file.

    A project without any lock has none that could be stale.
    """
    root = find_project().root
    names = (WHOLE, SMALL, DEV, vendored.LOCK)
    locks = {name: (root / name).read_text() for name in names if (root / name).is_file()}
    if not locks:
        return []
    problems = [f"{PYPROJECT}: there is no {name}: {FIX}" for name in names if name not in locks]
    text = (root / PYPROJECT).read_text(encoding="utf-8")
    wanted = [locate_requirement(each, text) for each in read_requirements()]
    if vendored.LOCK in locks:
        problems += find_unmet(wanted, locks[vendored.LOCK], vendored.LOCK, only=KIT)
        problems += _find_wheel_problems(root)
    if WHOLE in locks:
        asked = [*wanted, *_read_kit_requirements(root, wanted)]
        problems += find_unmet(asked, locks[WHOLE], WHOLE, leave_out=KIT)
    if DEV in locks:
        tools = [locate_requirement(each, text) for each in read_group("dev")]
        problems += find_unmet(tools, locks[DEV], DEV)
    if WHOLE in locks and SMALL in locks:
        problems += compare_parts(locks[WHOLE], locks[SMALL])
    if WHOLE in locks and DEV in locks:
        problems += compare_pins(locks[WHOLE], locks[DEV])
    return problems


def find_unmet(
    wanted: Iterable[Wanted], lock: str, name: str, only: str = "", leave_out: str = ""
) -> Iterator[str]:
    """Find the requirements that a lock does not meet on this machine.

    `only` and `leave_out` name a distribution that alone is looked at, or not at all.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    pins = list(parse_lock(lock))
    for each in wanted:
        try:
            requirement = Requirement(each.text)
        except InvalidRequirement:
            if not only:  # reported once
                words = f"{each.text!r} is not a requirement such as numpy>=2: correct it"
                yield f"{each.place}: {words}"
            continue
        asked = normalize(requirement.name)
        if asked == leave_out or only not in ("", asked) or not _applies(requirement):
            continue
        found = [pin for pin in pins if pin.name == asked]
        if not found:
            yield f"{each.place}: {name} does not pin {asked}, which is asked for here: {FIX}"
        for pin in found:
            if pin.version and not requirement.specifier.contains(pin.version, prereleases=True):
                yield (
                    f"{name}:{pin.line}: it pins {asked} {pin.version}, but {each.place} asks for "
                    f"{asked}{requirement.specifier}: {FIX}"
                )


def parse_lock(text: str) -> Iterator[Pin]:
    """Parse the entries of a lock that apply on this machine."""
    from packaging.requirements import InvalidRequirement, Requirement

    for number, line in enumerate(text.splitlines(), 1):
        if not re.match(r"[A-Za-z0-9]", line):  # a hash, a comment or an option
            continue
        try:
            requirement = Requirement(line.rstrip(" \\"))
        except InvalidRequirement:
            continue  # an editable or a path: nothing that could be compared
        if _applies(requirement):
            version = next((each.version for each in requirement.specifier), None)
            yield Pin(normalize(requirement.name), version, number)


def compare_parts(whole: str, small: str) -> Iterator[str]:
    """Find the first line of requirements.lock that is not that of the full lock without CUDA."""
    expected, found = remove_packages(CUDA_ONLY, whole).splitlines(), small.splitlines()
    for number in range(max(len(expected), len(found))):
        if expected[number : number + 1] != found[number : number + 1]:
            yield (
                f"{SMALL}:{min(number + 1, max(len(found), 1))}: it is not the part of {WHOLE} "
                f"without CUDA: {FIX}"
            )
            return


def compare_pins(whole: str, tools: str) -> Iterator[str]:
    """Find the distributions that the lock of the tools pins to another version."""
    versions = {pin.name: pin.version for pin in parse_lock(whole)}
    for pin in parse_lock(tools):
        if versions.get(pin.name, pin.version) != pin.version:
            yield (
                f"{DEV}:{pin.line}: it pins {pin.name} {pin.version}, but {WHOLE} pins "
                f"{versions[pin.name]}: {FIX}"
            )


def locate_requirement(requirement: str, pyproject: str) -> Wanted:
    """Find the line of pyproject.toml that a requirement is in."""
    for number, line in enumerate(pyproject.splitlines(), 1):
        if f'"{requirement}"' in line or f"'{requirement}'" in line:
            return Wanted(requirement, f"{PYPROJECT}:{number}")
    return Wanted(requirement, PYPROJECT)


def _applies(requirement: Requirement, extras: Iterable[str] = ("",)) -> bool:
    """Whether a requirement applies on this machine, with one of the extras."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)


def _find_wheel_problems(root: Path) -> list[str]:
    """Compare the wheel in vendor/ with its lock, unless the library's sources replace it."""
    if vendored.find_sources(root) is not None:
        return []
    try:
        vendored.find_checked_wheel(root)
    except SetupError as error:
        return [f"{vendored.LOCK}:1: {error}"]
    return []


def _read_kit_requirements(root: Path, wanted: Iterable[Wanted]) -> list[Wanted]:
    """Read what the wheel in vendor/ requires, with the extras that the project asks for."""
    from packaging.requirements import InvalidRequirement, Requirement

    extras = {""}
    for each in wanted:
        try:
            requirement = Requirement(each.text)
        except InvalidRequirement:  # find_unmet reports it
            continue
        if normalize(requirement.name) == KIT:
            extras |= requirement.extras
    try:
        wheel = vendored.find_wheel(root)
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (each for each in archive.namelist() if each.endswith("dist-info/METADATA"))
            metadata = archive.read(name).decode("utf-8").partition("\n\n")[0]
    except (SetupError, zipfile.BadZipFile, ValueError):  # _find_wheel_problems reports it
        return []
    asked = []
    for text in re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE):
        requirement = Requirement(text)
        if _applies(requirement, extras):
            requirement.marker = None
            asked.append(Wanted(str(requirement), f"vendor/{wheel.name}"))
    return asked
