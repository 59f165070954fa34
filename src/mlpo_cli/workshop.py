"""A hidden folder to build in, which a killed process does not leave behind for long.

It lies where its results will go, so that they get there by a rename or a link, and its process
holds a lock in it. Whoever needs the next one beside it first clears away those that nobody holds,
and takes back what they had put in place without finishing.
"""

from __future__ import annotations

import errno
import fcntl
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
def workshop(home: Path) -> Iterator[Path]:
    """An empty folder in `home`, removed with all that is in it when the block ends.

    Raises TargetError when `home` can't be written.
    """
    clear_abandoned(home)
    try:
        shop, lock = _make(home)
    except OSError as error:
        raise TargetError(f"can't write in {home}: {error.strerror}") from error
    try:
        yield shop
    finally:
        _take_back(shop)
        shutil.rmtree(shop, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def link_into(target: Path, shop: Path, tree: Path) -> None:
    """Link the files of `tree`, a folder in the workshop, into `target`: all of them or none.

    `shop` must be a workshop in `target`. Killed half-way, it leaves what the next workshop takes
    back. Raises OSError; FileExistsError when a file is there already.
    """
    written = {str(path.relative_to(tree)): _state(path) for path in tree.rglob("*")}
    (shop / _JOURNAL).write_text(json.dumps(written) + "\n", encoding="utf-8")
    tree = tree.rename(shop / _LINKING)
    for path in sorted(tree.rglob("*"), key=lambda path: (len(path.parts), path)):
        there = target / path.relative_to(tree)
        if not path.is_dir():
            os.link(path, there)
        elif not there.is_dir():
            with open(shop / _JOURNAL, "a", encoding="utf-8") as journal:
                journal.write(f"{path.relative_to(tree)}\n")
            there.mkdir()
            shutil.copymode(path, there)
    tree.rename(shop / _LINKED)  # from here on nothing is taken back


def _take_back(shop: Path) -> None:
    """Remove what an unfinished `link_into` put in place, but for files that were edited since."""
    tree, journal = shop / _LINKING, shop / _JOURNAL
    if not tree.is_dir():
        return
    # What was written first, then the folders that were made.
    first, *folders = journal.read_text(encoding="utf-8").splitlines()
    written = json.loads(first)
    for path in tree.rglob("*"):
        name = str(path.relative_to(tree))
        there = shop.parent / name
        with suppress(OSError):
            untouched = _state(path) == written.get(name)
            if not path.is_dir() and untouched and os.path.samefile(path, there):
                there.unlink()
    for name in reversed(folders):
        with suppress(OSError):
            (shop.parent / name).rmdir()


def _state(path: Path) -> list[int]:
    """What changes when somebody edits a file."""
    status = path.lstat()
    return [status.st_mtime_ns, status.st_size]


def _make(home: Path) -> tuple[Path, int | None]:
    """A new workshop and the descriptor that holds its lock, if this file system has locks."""
    while True:
        shop = Path(tempfile.mkdtemp(prefix=PREFIX, dir=home))
        try:
            return shop, _lock(shop)
        except (BlockingIOError, FileNotFoundError):
            continue  # between these two lines somebody took it for an abandoned one
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return shop, None
            shutil.rmtree(shop, ignore_errors=True)
            raise


def clear_abandoned(home: Path) -> None:
    """Remove the workshops of processes that are no more."""
    for shop in home.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if not _NAME.fullmatch(shop.name) or not _is_ours(shop):
                continue
            lock = _lock(shop)
            _take_back(shop)
            shutil.rmtree(shop, ignore_errors=True)
            os.close(lock)


def _is_ours(shop: Path) -> bool:
    status = shop.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def _lock(shop: Path) -> int:
    """Take a workshop's lock; returns the descriptor that holds it.

    Raises BlockingIOError when its process has it, FileNotFoundError when it has been removed.
    """
    lock = os.open(shop / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(lock), os.stat(shop / _LOCK)):
            raise FileNotFoundError
    except OSError:
        os.close(lock)
        raise
    return lock


def umask() -> int:
    """The permissions that new files don't get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
