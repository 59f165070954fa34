"""The store in a local folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from mlpo_kit.errors import IntegrityError
from mlpo_kit.store.base import SCHEME, Item, Ref, Store, verify_content
from mlpo_kit.store.files import hash_file, write_bytes


class FolderStore(Store):
    """A store in a local folder."""

    def __init__(self, root: Path) -> None:
        """Use the folder `root`; it is created on the first write."""
        self.root = root

    def locate(self, ref: Ref) -> Path:
        """Return the path of a payload without verifying its content."""
        return self.root / ref.key

    def read(self, key: str) -> bytes:
        """Read a file; raises FileNotFoundError."""
        try:
            return (self.root / key).read_bytes()
        except NotADirectoryError:  # a part of the key is a file
            raise FileNotFoundError(key) from None

    def write(self, key: str, content: bytes) -> None:
        """Write a temporary file in the same folder, then rename it."""
        write_bytes(self.root / key, content)

    def files(self, prefix: str) -> Iterator[Item]:
        """List every file under the folder except hidden ones (locks, unfinished files)."""
        for folder, folders, names in os.walk(self.root / prefix):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(folder, name)
                try:
                    details = path.stat()
                except FileNotFoundError:  # deleted in the meantime
                    continue
                if not name.startswith("."):
                    key = path.relative_to(self.root).as_posix()
                    yield Item(key, details.st_size, details.st_mtime)

    def children(self, prefix: str) -> list[str]:
        """List the names in a folder, except hidden ones."""
        try:
            paths = list((self.root / prefix).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(path.name for path in paths if not path.name.startswith("."))

    def delete(self, keys: Iterable[str]) -> None:
        """Delete files; a file that does not exist is no error."""
        for key in keys:
            (self.root / key).unlink(missing_ok=True)

    def delete_tree(self, prefix: str) -> None:
        """Delete a folder with everything in it."""
        if not (self.root / prefix).is_dir():
            return
        shutil.rmtree(self.root / prefix, ignore_errors=True)
        if (self.root / prefix).exists():  # raise the error this time
            shutil.rmtree(self.root / prefix)

    def folder(self, key: str) -> Path:
        """Return the folder itself: files written there are already in the store."""
        path = self.root / key
        path.mkdir(parents=True, exist_ok=True)
        return path

    def machine_path(self, key: str) -> Path:
        """Return the path of the file in the store."""
        return self.root / key

    def put(self, key: str) -> Ref:
        """Return the reference of a file that is already in place."""
        path = self.root / key
        return Ref(SCHEME + key, hash_file(path), path.stat().st_size)

    def open(self, ref: Ref) -> Path:
        """Verify the file and return its path."""
        self.check(ref)
        return self.locate(ref)

    def check(self, ref: Ref) -> None:
        """Raise IntegrityError if the file is missing or has changed."""
        path = self.locate(ref)
        if not path.is_file():
            raise IntegrityError(f"{ref.uri} is not in the store at {self.root}")
        verify_content(path, ref)

    def guard(self) -> FileLock:
        """Return a lock on a file in `runs/`; its holder may acquire it again."""
        return self._lock("runs/.lock")

    def stage_lock(self, run_id: str, stage: str) -> FileLock:
        """Return a lock that the operating system frees when the stage's process dies."""
        return self._lock(f"runs/{run_id}/.{stage}.lock")

    def is_running(self, run_id: str, stage: str, started: float) -> bool:
        """Whether any process, including this one, holds the stage's lock."""
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
