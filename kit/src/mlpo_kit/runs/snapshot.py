"""A snapshot: one file with the sources of a project as they were when a run started.

It is a zip, in which nothing is compressed, and names are sorted and times fixed: the same sources
give the same bytes everywhere. In the store it is `snapshots/<SHA-256>.zip`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from mlpo_kit.config.sources import list_sources
from mlpo_kit.errors import PipelineError
from mlpo_kit.store.base import Store

CONTENT = ("src", "pipeline", "configs", "pyproject.toml")
LARGE = 50 * 2**20  # bytes above which a snapshot is worth a warning


@dataclass(frozen=True)
class Snapshot:
    """The sources of a project: the bytes of a zip, and their SHA-256 in hex."""

    archive: bytes
    sha256: str


@dataclass(frozen=True)
class Member:
    """A file of a snapshot, or a link to a folder."""

    name: str  # its path in the project
    content: bytes  # of a link: the path that it points to
    mode: int = 0o644
    is_link: bool = False


def take_snapshot(root: Path) -> Snapshot:
    """Read the sources of the project in `root`.

    Raises PipelineError that names a file which can't be read.
    """
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for member in sorted(_read_members(root), key=lambda member: member.name):
            info = ZipInfo(member.name)  # its date is 1980, and it is not compressed
            info.create_system = 3  # Unix: the mode counts
            kind = stat.S_IFLNK if member.is_link else stat.S_IFREG
            info.external_attr = (kind | member.mode) << 16
            archive.writestr(info, member.content)
    content = buffer.getvalue()
    return Snapshot(content, hashlib.sha256(content).hexdigest())


def list_members(archive: bytes) -> Iterator[Member]:
    """List the files and links in a snapshot's zip."""
    with ZipFile(BytesIO(archive)) as opened:
        for info in opened.infolist():
            mode = info.external_attr >> 16
            yield Member(info.filename, opened.read(info), mode & 0o777, stat.S_ISLNK(mode))


def locate_snapshot(sha256: str) -> str:
    """Return the key of a snapshot in the store."""
    return f"snapshots/{sha256}.zip"


def read_snapshot(store: Store, sha256: str) -> Snapshot:
    """Read a snapshot from the store.

    Raises FileNotFoundError if it is not there, and PipelineError if it is damaged.
    """
    archive = store.read(locate_snapshot(sha256))
    if hashlib.sha256(archive).hexdigest() != sha256:
        raise PipelineError(
            f"{locate_snapshot(sha256)} in the store is damaged: its SHA-256 is not its name"
        )
    return Snapshot(archive, sha256)


def describe_large_snapshot(snapshot: Snapshot) -> str | None:
    """Say what makes a snapshot large, and what to do; None if it is not large."""
    if len(snapshot.archive) < LARGE:
        return None
    largest = max(list_members(snapshot.archive), key=lambda member: len(member.content))
    return (
        f"a run keeps a copy of src/, pipeline/ and configs/, which take "
        f"{len(snapshot.archive) / 2**20:.0f} MiB ({largest.name}: "
        f"{len(largest.content) / 2**20:.0f} MiB): keep data outside of these folders"
    )


def _read_members(root: Path) -> Iterator[Member]:
    for name in CONTENT:
        top = root / name
        for path in [top] if top.is_file() else list_sources(top):
            try:
                member = _read_member(root, path)
            except FileNotFoundError:  # an editor has just replaced or deleted it
                continue
            except OSError as error:
                reason = error.strerror or error
                raise PipelineError(f"{path} can't be read: {reason}") from None
            if member is not None:
                yield member


def _read_member(root: Path, path: Path) -> Member | None:
    """Read a file or a link to a folder; None for anything else, such as a socket."""
    name = path.relative_to(root).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        raise PipelineError(f"the name of {name!r} is not valid UTF-8: rename the file") from None
    if path.is_dir():
        return Member(name, _find_target(root, path).encode(), is_link=True)
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        return None
    return Member(name, path.read_bytes(), 0o755 if mode & stat.S_IXUSR else 0o644)


def _find_target(root: Path, link: Path) -> str:
    """Find what a link points to from a copy: within the sources the same, else the full path."""
    target, real = os.readlink(link), link.resolve()
    tops = (root.resolve() / name for name in CONTENT)
    is_inside = not os.path.isabs(target) and any(real.is_relative_to(top) for top in tops)
    return target if is_inside else str(real)
