"""Move a finished project to its destination: completely or not at all, replacing no file."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from mlpo_cli.errors import Problem, TargetError, UserError
from mlpo_cli.staging import get_umask, link_files


def check_system() -> None:
    """Raise UserError on Windows: a generated project needs make, links and file locks."""
    if find_spec("fcntl") is None:
        fix = "on Windows, install mlpo in WSL and run it there"
        raise UserError("`mlpo new` needs Linux or macOS", fix)


def get_staging_parent(target: Path) -> Path:
    """Choose where to make the staging folder: in the target if it exists, else beside it.

    Raises TargetError when the target exists but is not a folder.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise TargetError(f"{target} exists and is not a folder", "choose another name")
    return target if target.is_dir() else target.parent


def check_conflicts(files: Sequence[str], target: Path) -> None:
    """Raise TargetError when files of the project would replace something in the target."""
    conflicts = {name for file in files if (name := _find_conflict(file, target)) is not None}
    if conflicts:
        raise TargetError(
            f"the project would replace files in {target}; nothing was written",
            "move them away, or choose another name",
            [Problem(name, "exists already") for name in sorted(conflicts)],
        )


def _find_conflict(file: str, target: Path) -> str | None:
    """Find the first part of a file's path that exists and is not a real folder."""
    path = target
    for part in file.split("/"):
        path = path / part
        if not os.path.lexists(path):
            return None
        if path.is_symlink() or not path.is_dir():
            return path.relative_to(target).as_posix()
    return file  # there is a folder with the name of the file


def move_to_target(tree: Path, files: Sequence[str], target: Path, staging: Path) -> None:
    """Move the project `tree`, made in the folder `staging`, to `target`.

    A new target is made by one rename. If the target is a folder already, the files are linked
    into it: a link never replaces a file, and an incomplete set of links can be found and removed.
    Raises TargetError if that fails; the target is then unchanged.
    """
    try:
        if staging.parent == target:
            check_conflicts(files, target)
            link_files(tree, staging, target)
        else:
            tree.rename(target)
    except OSError as error:
        raise _describe_error(error, target) from error


def _describe_error(error: OSError, target: Path) -> TargetError:
    if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR):
        what = f"another process created {target} at the same time"
        return TargetError(what, "choose another name")
    if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK) and target.is_dir():
        what = f"the file system of {target} has no hard links"
        return TargetError(what, "choose a name that does not exist yet")
    return TargetError(f"cannot create {target}: {error.strerror}")


def set_modes(tree: Path) -> None:
    """Give all files and folders the permissions that the user's umask sets for new ones."""
    allowed = 0o777 & ~get_umask()
    for path in (tree, *tree.rglob("*")):
        is_executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(allowed if is_executable else allowed & 0o666)


def list_files(root: Path) -> tuple[str, ...]:
    """List all files below a folder: sorted paths relative to it, with `/`."""
    return tuple(sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()))


def hash_tree(root: Path, files: Sequence[str]) -> str:
    """Compute the SHA-256 of the files' paths and contents, in hex."""
    digest = hashlib.sha256()
    for name in files:
        content = hashlib.sha256((root / name).read_bytes()).hexdigest()
        digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()
