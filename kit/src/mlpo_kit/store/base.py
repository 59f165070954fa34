"""The interface of a store: files under keys, and payloads that references point to.

Layout: payloads are `runs/<run id>/<stage>/<file>`, records are `runs/<run id>/<stage>.json`, and
`checkpoints/<key>/` holds the checkpoints from which a killed stage resumes. A reference names a
payload by its key, so it stays valid when the store is moved or mounted elsewhere.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpo_kit.errors import IntegrityError
from mlpo_kit.store.files import hash_file, to_json

SCHEME = "store://"
SCRATCH = "MLPO_KIT_SCRATCH"  # a folder where processes of one machine share downloaded payloads


@dataclass(frozen=True)
class Ref:
    """A reference to a payload in the store: its URI, its SHA-256 and its size in bytes."""

    uri: str
    sha256: str
    size: int

    @property
    def key(self) -> str:
        """The key of the payload in the store."""
        return self.uri.removeprefix(SCHEME)


@dataclass(frozen=True)
class Item:
    """A file in the store: its key, its size in bytes, its time of writing (epoch seconds)."""

    key: str
    size: int
    modified: float


class Store(ABC):
    """Files under keys such as `runs/7/train/model.safetensors`, in a folder or a bucket."""

    grace: float = 0  # seconds between marking a payload for deletion and deleting it

    @abstractmethod
    def read(self, key: str) -> bytes:
        """Read a file; raises FileNotFoundError."""

    @abstractmethod
    def write(self, key: str, content: bytes) -> None:
        """Write a file atomically: a reader sees the old content or the new, never a part."""

    @abstractmethod
    def files(self, prefix: str) -> Iterator[Item]:
        """List every file whose key begins with `<prefix>/`, in no particular order."""

    @abstractmethod
    def children(self, prefix: str) -> list[str]:
        """List the names directly under `<prefix>/`, sorted; empty if there are none."""

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Delete files; a file that does not exist is no error."""

    @abstractmethod
    def delete_tree(self, prefix: str) -> None:
        """Delete every file under `<prefix>/`, if there are any."""

    @abstractmethod
    def folder(self, key: str) -> Path:
        """Return an existing local folder in which to write files before `put` stores them."""

    @abstractmethod
    def machine_path(self, key: str) -> Path:
        """Return the path of a file on this machine that all its processes share.

        Neither the file nor its folder need to exist.
        """

    @abstractmethod
    def put(self, key: str) -> Ref:
        """Store a file that was written in the `folder` of its parent; returns its reference."""

    @abstractmethod
    def open(self, ref: Ref) -> Path:
        """Return the payload as a local file, with its content verified.

        Raises IntegrityError if it is missing or has changed since it was written.
        """

    @abstractmethod
    def check(self, ref: Ref) -> None:
        """Raise IntegrityError if the payload is missing or has changed since it was written."""

    @abstractmethod
    def guard(self) -> AbstractContextManager[object]:
        """Return an exclusive lock on the store, for short reads and changes of many files."""

    @abstractmethod
    def stage_lock(self, run_id: str, stage: str) -> AbstractContextManager[object]:
        """Return the lock that a stage holds while it runs; it is freed when its process dies."""

    @abstractmethod
    def is_running(self, run_id: str, stage: str, started: float) -> bool:
        """Whether a stage recorded as running still runs; `started` is in epoch seconds."""

    def has(self, ref: Ref) -> bool:
        """Whether the payload exists and has not changed since it was written."""
        try:
            self.check(ref)
        except IntegrityError:
            return False
        return True

    def read_json(self, key: str) -> Any:
        """Read a JSON document; raises FileNotFoundError."""
        return json.loads(self.read(key))

    def write_json(self, key: str, document: Any) -> None:
        """Write a JSON document atomically."""
        self.write(key, to_json(document).encode())


def verify_content(path: Path, ref: Ref) -> None:
    """Raise IntegrityError unless the file has the size and SHA-256 of the reference."""
    if path.stat().st_size != ref.size or hash_file(path) != ref.sha256:
        raise make_changed_error(ref)


def make_changed_error(ref: Ref) -> IntegrityError:
    """Make the error for a payload whose content has changed."""
    return IntegrityError(
        f"{ref.uri} was changed after the pipeline wrote it: its SHA-256 is not "
        f"{ref.sha256[:12]}. Run the pipeline again to recreate it."
    )
