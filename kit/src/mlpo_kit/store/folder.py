"""The store in a folder of this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from mlpo_kit.errors import IntegrityError
from mlpo_kit.store.base import SCHEME, Item, Ref, Store, verify_content
from mlpo_kit.store.files import hash_file


class FolderStore(Store):
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        """Use the folder `root`; it is made when something is written."""
        self.root = root

    def locate(self, ref: Ref) -> Path:
        """Where the file of a reference is, without a look at its content."""
        return self.root / ref.key

    def read(self, key: str) -> bytes:
        """The content of a file; raises FileNotFoundError."""
        try:
            return (self.root / key).read_bytes()
        except NotADirectoryError:  # under what is a file
            raise FileNotFoundError(key) from None

    def write(self, key: str, content: bytes) -> None:
        """Write a file beside its place, then rename it."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_bytes(content)
        partial.replace(path)

    def files(self, prefix: str) -> Iterator[Item]:
        """Every file under the folder but hidden ones, which are locks and half-written files."""
        for folder, folders, names in os.walk(self.root / prefix):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(folder, name)
                try:
                    facts = path.stat()
                except FileNotFoundError:  # deleted since
                    continue
                if not name.startswith("."):
                    key = path.relative_to(self.root).as_posix()
                    yield Item(key, facts.st_size, facts.st_mtime)

    def children(self, prefix: str) -> list[str]:
        """The names in a folder, hidden ones left out."""
        try:
            paths = list((self.root / prefix).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(path.name for path in paths if not path.name.startswith("."))

    def delete(self, keys: Iterable[str]) -> None:
        """Unlink files."""
        for key in keys:
            (self.root / key).unlink(missing_ok=True)

    def delete_tree(self, prefix: str) -> None:
        """Remove a folder with all that is in it."""
        if not (self.root / prefix).is_dir():
            return
        shutil.rmtree(self.root / prefix, ignore_errors=True)
        if (self.root / prefix).exists():  # let the error be seen
            shutil.rmtree(self.root / prefix)

    def folder(self, key: str) -> Path:
        """The very folder: what is written there is in the store."""
        path = self.root / key
        path.mkdir(parents=True, exist_ok=True)
        return path

    def put(self, key: str) -> Ref:
        """The reference of a file that is in its place already."""
        path = self.root / key
        return Ref(SCHEME + key, hash_file(path), path.stat().st_size)

    def open(self, ref: Ref) -> Path:
        """The file itself."""
        self.check(ref)
        return self.locate(ref)

    def check(self, ref: Ref) -> None:
        """Read the file and compare."""
        path = self.locate(ref)
        if not path.is_file():
            raise IntegrityError(f"{ref.uri} is not in the store at {self.root}")
        verify_content(path, ref)

    def guard(self) -> FileLock:
        """A lock on a file in `runs/`; it may be taken again by who holds it."""
        return self._lock("runs/.lock")

    def stage_lock(self, run_id: str, stage: str) -> FileLock:
        """A lock that the operating system frees when the stage's process dies."""
        return self._lock(f"runs/{run_id}/.{stage}.lock")

    def is_running(self, run_id: str, stage: str, started: float) -> bool:
        """Whether somebody holds the stage's lock, this process included."""
        lock = self.stage_lock(run_id, stage)
        if lock.is_locked:
            return True
        try:
            with lock.acquire(timeout=0):
                return False
        except Timeout:
            return True

    def _lock(self, key: str) -> FileLock:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path, is_singleton=True)
