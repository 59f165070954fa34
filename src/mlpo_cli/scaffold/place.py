"""Put a project where it belongs: whole, or not at all."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlpo_cli.errors import TargetError


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A folder beside `target` to build in; it takes the target's name when the block ends well.

    Raises TargetError when the target exists or its folder can't be written.
    """
    _check_free(target)
    try:
        folder = tempfile.TemporaryDirectory(prefix=".mlpo-", dir=target.parent)
    except OSError as error:
        raise TargetError(f"can't write in {target.parent}: {error.strerror}") from error
    with folder as name:
        building = Path(name) / target.name
        building.mkdir()
        yield building
        _check_free(target)
        try:
            building.rename(target)
        except OSError as error:
            raise TargetError(f"can't create {target}: {error.strerror}") from error


def _check_free(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise TargetError(f"{target} exists already; choose another name, or remove it")


def files_of(root: Path) -> tuple[str, ...]:
    """The paths of all files below a folder, relative to it, with `/`, sorted."""
    return tuple(sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()))


def tree_hash(root: Path, files: tuple[str, ...]) -> str:
    """SHA-256 over the files' paths and bytes, in hex."""
    digest = hashlib.sha256()
    for name in files:
        content = hashlib.sha256((root / name).read_bytes()).hexdigest()
        digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()
