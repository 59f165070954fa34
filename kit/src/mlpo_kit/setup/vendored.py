"""The kit as a project has it: one wheel in vendor/ and its lock, or sources after `eject`."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from .environment import SetupError

VENDOR = "vendor"
LOCK = "requirements-kit.lock"
SOURCES = "vendor/mlpo-kit"  # after `eject`
_PIN = re.compile(r"^mlpo-kit==(\S+) \\\n +--hash=sha256:([0-9a-f]{64})$", re.MULTILINE)


def find_sources(project: Path) -> Path | None:
    """The folder of the kit's sources, where they were ejected."""
    folder = project / SOURCES
    return folder if folder.is_dir() else None


def find_wheel(project: Path) -> Path:
    """The wheel in vendor/; raises SetupError unless there is exactly one."""
    wheels = sorted((project / VENDOR).glob("mlpo_kit-*.whl"))
    if not wheels:
        raise SetupError(
            "vendor/ has no wheel of mlpo-kit: `git checkout -- vendor` brings back the one that "
            f"{LOCK} names"
        )
    if len(wheels) > 1:
        names = " and ".join(wheel.name for wheel in wheels)
        raise SetupError(
            f"vendor/ has {names}, and there can be one wheel of mlpo-kit: keep the one that "
            f"{LOCK} names, or keep another and run `make lock`"
        )
    return wheels[0]


def find_checked_wheel(project: Path) -> Path:
    """The wheel in vendor/, after it proved to be the one in the lock; raises SetupError."""
    wheel = find_wheel(project)
    try:
        pinned = _PIN.search((project / LOCK).read_text(encoding="utf-8"))
    except FileNotFoundError:
        pinned = None
    if pinned is None:
        raise SetupError(f"{LOCK} names no mlpo-kit: `make lock` writes it for vendor/{wheel.name}")
    version, digest = pinned.groups()
    if version != version_of(wheel):
        raise SetupError(
            f"{LOCK} names mlpo-kit {version}, and vendor/ has {version_of(wheel)}: `make lock` "
            "takes what is in vendor/, `git checkout -- vendor` brings the other back"
        )
    if digest != digest_of(wheel):
        raise SetupError(
            f"vendor/{wheel.name} is not the file that {LOCK} names: its SHA-256 is another. "
            f"`git checkout -- vendor {LOCK}` brings both back; another kit has another version"
        )
    return wheel


def pin_of(wheel: Path) -> str:
    """The line of the lock that allows exactly this wheel."""
    return f"mlpo-kit=={version_of(wheel)} \\\n    --hash=sha256:{digest_of(wheel)}\n"


def version_of(wheel: Path) -> str:
    """The version in the name of a wheel."""
    return wheel.name.split("-")[1]


def digest_of(wheel: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(wheel.read_bytes()).hexdigest()
