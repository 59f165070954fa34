"""Recognize a full disk behind an error, whichever library ran into it."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
# How libraries that raise no OSError word it: safetensors, SQLite.
WORDS = ("no space left on device", "disk quota exceeded", "disk is full")
ROOM = 1 << 16  # bytes; with less than this left, any failed write is due to the disk


def explain_full_disk(error: BaseException, *folders: Path) -> str | None:
    """Explain an error that is due to a full disk in one sentence; None for any other error.

    `folders` are those that may be full; the temporary and the working folder are added.
    """
    errors = list(_list_causes(error))
    places = [folder for folder in (*folders, Path(tempfile.gettempdir()), Path()) if folder]
    free = {folder: _measure_free(folder) for folder in places if folder.exists()}
    fullest = min(free, key=lambda folder: free[folder], default=Path())
    if any(map(_is_full, errors)):
        folder = next(filter(None, map(_find_folder, errors)), fullest)
    elif isinstance(error, (OSError, RuntimeError)) and free and free[fullest] < ROOM:
        folder = fullest  # torch, for one, only says that it failed to write
    else:
        return None
    return (
        f"the disk is full: there is no room left in {folder.resolve()}. Delete something on that "
        "disk (`make prune` shows what retention would delete), then run the same command again"
    )


def _list_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those behind it, the outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    return any(words in str(error).lower() for words in WORDS)


def _find_folder(error: BaseException) -> Path | None:
    """Find the folder of the file that an OSError names; None if it names none."""
    name = getattr(error, "filename", None)
    if not isinstance(name, (str, os.PathLike)):
        return None
    folder = Path(name).parent
    return folder if folder.exists() else None


def _measure_free(folder: Path) -> int:
    """Measure the free space of a folder's disk in bytes."""
    return shutil.disk_usage(folder).free
