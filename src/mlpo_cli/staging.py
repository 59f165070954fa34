"""Make files in a hidden staging folder beside their destination.

A staging folder is on the same file system as its destination, so that finished files can be moved
there by a rename or by hard links. The process that uses it holds a lock on a file in it. A killed
process leaves its folder behind. The next process that makes a staging folder in the same place
removes that folder, and the links of an unfinished `link_files`.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlpo_cli.errors import TargetError

PREFIX = ".mlpo-tmp-"
_NAME = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_LOCK, _JOURNAL, _LINKING, _LINKED = "lock", "journal", "linking", "linked"


@contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """Make an empty folder in `parent`; remove it, with its content, when the block ends.

    Raises TargetError when `parent` cannot be written.
    """
    remove_abandoned(parent)
    try:
        folder, lock = _make_folder(parent)
    except OSError as error:
        raise TargetError(f"cannot write in {parent}: {error.strerror}") from error
    try:
        yield folder
    finally:
        _undo_links(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def link_files(tree: Path, staging: Path, target: Path) -> None:
    """Link all files below `tree` into the folder `target`, or none of them.

    `tree` must be in `staging`, a staging folder in `target`. If the process is killed half-way,
    the next staging folder in `target` removes the links. Raises OSError; FileExistsError when
    there is a file of the same path already.
    """
    states = {str(path.relative_to(tree)): _get_state(path) for path in tree.rglob("*")}
    (staging / _JOURNAL).write_text(json.dumps(states) + "\n", encoding="utf-8")
    tree = tree.rename(staging / _LINKING)
    for path in sorted(tree.rglob("*"), key=lambda path: (len(path.parts), path)):
        destination = target / path.relative_to(tree)
        if not path.is_dir():
            os.link(path, destination)
        elif not destination.is_dir():
            with open(staging / _JOURNAL, "a", encoding="utf-8") as journal:
                journal.write(f"{path.relative_to(tree)}\n")
            destination.mkdir()
            shutil.copymode(path, destination)
    tree.rename(staging / _LINKED)  # complete: now the links stay


def _undo_links(staging: Path) -> None:
    """Remove what an unfinished `link_files` made, except files that were edited afterwards."""
    tree, journal = staging / _LINKING, staging / _JOURNAL
    if not tree.is_dir():
        return
    # The first line holds the states of the files; each other line names a folder that was made.
    first, *folders = journal.read_text(encoding="utf-8").splitlines()
    states = json.loads(first)
    for path in tree.rglob("*"):
        name = str(path.relative_to(tree))
        destination = staging.parent / name
        with suppress(OSError):
            is_unchanged = _get_state(path) == states.get(name)
            if not path.is_dir() and is_unchanged and os.path.samefile(path, destination):
                destination.unlink()
    for name in reversed(folders):
        with suppress(OSError):
            (staging.parent / name).rmdir()


def _get_state(path: Path) -> list[int]:
    """Get the time of the last change in nanoseconds, and the size in bytes."""
    status = path.lstat()
    return [status.st_mtime_ns, status.st_size]


def _make_folder(parent: Path) -> tuple[Path, int | None]:
    """Make a staging folder. Returns it and its lock, None where there are no locks."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            return folder, _lock(folder)
        except (BlockingIOError, FileNotFoundError):
            continue  # another process removed it before it was locked
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return folder, None
            shutil.rmtree(folder, ignore_errors=True)
            raise


def remove_abandoned(parent: Path) -> None:
    """Remove the staging folders in `parent` whose processes have ended."""
    if not hasattr(os, "getuid"):  # Windows: no locks show which folders are in use
        return
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if not _NAME.fullmatch(folder.name) or not _is_own_folder(folder):
                continue
            lock = _lock(folder)
            _undo_links(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _is_own_folder(path: Path) -> bool:
    """Whether this is a folder, not a link to one, and belongs to this user."""
    status = path.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def _lock(folder: Path) -> int:
    """Lock a staging folder. Returns the file descriptor that holds the lock.

    Raises BlockingIOError when another process holds it, FileNotFoundError when the folder has been
    removed, and another OSError where the system or the file system has no locks.
    """
    try:
        import fcntl  # only POSIX has it
    except ImportError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(lock), os.stat(folder / _LOCK)):
            raise FileNotFoundError
    except OSError:
        os.close(lock)
        raise
    return lock


def get_umask() -> int:
    """Get the permission bits that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
