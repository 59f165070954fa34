"""The copies on this machine that runs work from: snapshots, unpacked.

A copy is a folder named by the SHA-256 of its snapshot, which is beside it as a zip. Each process
that works from a copy holds a shared lock on it, and the operating system frees the lock when the
process ends. A copy that nobody holds is deleted when newer ones have followed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from mlpo_kit.config.project import SOURCE_VARIABLE, find_project
from mlpo_kit.config.sources import list_sources
from mlpo_kit.runs.git import GitState
from mlpo_kit.runs.snapshot import CONTENT, Member, Snapshot, list_members

FOLDER = "snapshots/.copies"  # in the folder of the local store, which ignores hidden names
KEPT = 3  # copies that stay although nobody works from them
DIGITS = 16  # of the SHA-256 in a copy's name
# What the processes of a run learn about its sources, besides the folder of the copy.
SNAPSHOT_VARIABLE = "MLPO_KIT_SNAPSHOT"  # the SHA-256 of the snapshot
COMMIT_VARIABLE = "MLPO_KIT_COMMIT"  # git's commit; empty without git
CLEAN_VARIABLE = "MLPO_KIT_CLEAN"  # 1 or 0: whether the working tree had no changes; empty without


def prepare_copy(folder: Path, snapshot: Snapshot, root: Path) -> Path:
    """Unpack a snapshot, unless that was done before, and return the copy.

    `folder` holds the copies of the project in `root`. This process then holds the copy, also after
    it has replaced itself. Copies that nobody needs are deleted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder.parent / ".gitignore", b"*\n")
    copy = folder / snapshot.sha256[:DIGITS]
    with FileLock(folder / ".lock"):
        lock = os.open(_locate_lock(copy), os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(lock, fcntl.LOCK_SH)
        os.set_inheritable(lock, True)
        os.utime(lock)  # the order in which copies are deleted
        _write(locate_archive(copy), snapshot.archive)
        _unpack(snapshot, copy)
        _link_rest(root, copy, folder)
        _delete_old_copies(folder)
    return copy


def make_variables(copy: Path, snapshot: Snapshot, git: GitState) -> dict[str, str]:
    """Make the environment variables with which a process, and its children, use a copy."""
    paths = [str(copy / "src"), os.environ.get("PYTHONPATH")]
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        SOURCE_VARIABLE: str(copy),
        SNAPSHOT_VARIABLE: snapshot.sha256,
        COMMIT_VARIABLE: git.commit or "",
        CLEAN_VARIABLE: "" if git.is_clean is None else str(int(git.is_clean)),
    }


@contextmanager
def hold_copy() -> Iterator[None]:
    """Hold the copy that this process works from, if any, during a `with` block."""
    copy = find_project().copy
    path = None if copy is None else _locate_lock(copy)
    if path is None or not path.is_file():
        yield
        return
    with path.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def locate_archive(copy: Path) -> Path:
    """Return the path of the zip that a copy was unpacked from."""
    return copy.with_name(f"{copy.name}.zip")


def _locate_lock(copy: Path) -> Path:
    return copy.with_name(f"{copy.name}.lock")


def _unpack(snapshot: Snapshot, copy: Path) -> None:
    """Make the folder's files those of the snapshot: a copy may be incomplete or edited."""
    members = {member.name: member for member in list_members(snapshot.archive)}
    for name in CONTENT:
        for path in list_sources(copy / name):
            if path.relative_to(copy).as_posix() not in members:
                path.unlink()
    for name, member in members.items():
        if member.is_link:
            _link(copy / name, member.content.decode())
        else:
            _write(copy / name, member.content, _choose_mode(member))


def _choose_mode(member: Member) -> int:
    """Choose a mode without writing: whoever edits a copy by mistake notices it."""
    return member.mode & 0o555


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file atomically, unless it has this content."""
    with suppress(OSError):
        if not path.is_symlink() and path.read_bytes() == content:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.chmod(mode)
    partial.replace(path)


def _link_rest(root: Path, copy: Path, folder: Path) -> None:
    """Link what else is in the project, for code that finds files relative to its own folder."""
    for path in root.iterdir():
        is_needed = path.name not in CONTENT and path.name[:1] != "."
        if is_needed and not folder.is_relative_to(path):
            _link(copy / path.name, str(path))


def _link(path: Path, target: str) -> None:
    """Make a link, unless it is there."""
    if path.is_symlink():
        if os.readlink(path) == target:
            return
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _delete_old_copies(folder: Path) -> None:
    """Delete the copies that nobody holds, except the last few. Call it with the folder's lock."""
    locks = sorted(folder.glob("*.lock"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [lock for lock in locks if lock.name != ".lock"][KEPT:]:
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # a process works from it
                continue
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            for other in folder.glob(f"{path.stem}.*"):
                other.unlink()
