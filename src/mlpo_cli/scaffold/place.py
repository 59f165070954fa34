"""Put a project where it belongs: whole, or not at all, and over nothing that is there."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from mlpo_cli.errors import Problem, TargetError
from mlpo_cli.workshop import link_into, umask


def home_of(target: Path) -> Path:
    """Where to build: in the target where it is a folder already, else beside it.

    Raises TargetError when something else is there.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise TargetError(f"{target} is there, and is no folder", "choose another name")
    return target if target.is_dir() else target.parent


def check(files: Sequence[str], target: Path) -> None:
    """Raise TargetError when files of the project would replace, or go through, what is there."""
    blocking = {name for file in files if (name := _blocking(file, target)) is not None}
    if blocking:
        raise TargetError(
            f"{target} has what the project would replace; nothing was written",
            "move it away, or choose another name",
            [Problem(name, "is there already") for name in sorted(blocking)],
        )


def _blocking(file: str, target: Path) -> str | None:
    """The first part of the path that is there and isn't a real folder to go through."""
    path = target
    for part in file.split("/"):
        path = path / part
        if not os.path.lexists(path):
            return None
        if path.is_symlink() or not path.is_dir():
            return path.relative_to(target).as_posix()
    return file  # a folder where the file should be


def put(tree: Path, files: Sequence[str], target: Path, shop: Path) -> None:
    """Move the project `tree`, made in the workshop `shop`, to `target`.

    By one rename where nothing is there yet. Into a folder that is there its files are linked, so
    that none can replace another's and a killed process's can be told and taken back. Raises
    TargetError; the target is then as it was.
    """
    try:
        if shop.parent == target:
            check(files, target)
            link_into(target, shop, tree)
        else:
            tree.rename(target)
    except OSError as error:
        raise _refused(error, target) from error


def _refused(error: OSError, target: Path) -> TargetError:
    if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR):
        return TargetError(f"{target} was made by somebody else meanwhile", "choose another name")
    if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK) and target.is_dir():
        return TargetError(
            f"{target} is on a file system without hard links",
            "choose a name that is not there yet",
        )
    return TargetError(f"can't create {target}: {error.strerror}")


def set_modes(tree: Path) -> None:
    """Give everything the permissions that new files get, however mlpo's own are installed."""
    allowed = 0o777 & ~umask()
    for path in (tree, *tree.rglob("*")):
        runs = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(allowed if runs else allowed & 0o666)


def files_of(root: Path) -> tuple[str, ...]:
    """The paths of all files below a folder, relative to it, with `/`, sorted."""
    return tuple(sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()))


def tree_hash(root: Path, files: Sequence[str]) -> str:
    """SHA-256 over the files' paths and bytes, in hex."""
    digest = hashlib.sha256()
    for name in files:
        content = hashlib.sha256((root / name).read_bytes()).hexdigest()
        digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()
