"""A project's copy of the kit: a wheel in vendor/ and its lock, or sources after `eject`."""

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
    """Find the folder of the kit's ejected sources; None if they were not ejected."""
    folder = project / SOURCES
    return folder if folder.is_dir() else None


def find_wheel(project: Path) -> Path:
    """Find the wheel in vendor/; raises SetupError unless there is exactly one."""
    wheels = sorted((project / VENDOR).glob("mlpo_kit-*.whl"))
    if not wheels:
        raise SetupError(
            "vendor/ has no wheel of mlpo-kit: restore the one in "
            f"{LOCK} with `git checkout -- vendor`"
        )
    if len(wheels) > 1:
        names = " and ".join(wheel.name for wheel in wheels)
        raise SetupError(
            f"vendor/ has {names}, but there must be only one wheel of mlpo-kit: keep the one in "
            f"{LOCK}, or keep another one and run `make lock`"
        )
    return wheels[0]


def find_checked_wheel(project: Path) -> Path:
    """Find the wheel in vendor/ and verify it against its lock; raises SetupError."""
    wheel = find_wheel(project)
    try:
        pinned = _PIN.search((project / LOCK).read_text(encoding="utf-8"))
    except FileNotFoundError:
        pinned = None
    if pinned is None:
        raise SetupError(f"{LOCK} does not pin mlpo-kit: pin vendor/{wheel.name} with `make lock`")
    version, digest = pinned.groups()
    if version != read_version(wheel):
        raise SetupError(
            f"{LOCK} pins mlpo-kit {version}, but vendor/ has {read_version(wheel)}: pin the wheel "
            "in vendor/ with `make lock`, or restore the other one with `git checkout -- vendor`"
        )
    if digest != compute_digest(wheel):
        raise SetupError(
            f"vendor/{wheel.name} is not the file in {LOCK}: its SHA-256 differs. Restore both "
            f"with `git checkout -- vendor {LOCK}`; another kit needs another version"
        )
    return wheel


def make_pin(wheel: Path) -> str:
    """Return the lock entry that pins exactly this wheel."""
    return f"mlpo-kit=={read_version(wheel)} \\\n    --hash=sha256:{compute_digest(wheel)}\n"


def read_version(wheel: Path) -> str:
    """Read the version from the name of a wheel."""
    return wheel.name.split("-")[1]


def compute_digest(wheel: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(wheel.read_bytes()).hexdigest()
