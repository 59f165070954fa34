"""The store: files under keys, payloads addressed by reference.

Layout: `runs/<run id>/<stage>/<file>` are payloads, `runs/<run id>/<stage>.json` records,
`checkpoints/<key>/` what a stage that was killed goes on from. A
reference names a payload by its key, so a store that was moved, or mounted elsewhere, still
resolves it.
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
SCRATCH = "MLPO_KIT_SCRATCH"  # a folder in which processes of one machine share what they fetched


@dataclass(frozen=True)
class Ref:
    """A payload in the store: where it is, its SHA-256 and its size in bytes."""

    uri: str
    sha256: str
    size: int

    @property
    def key(self) -> str:
        """The key of the payload's file."""
        return self.uri.removeprefix(SCHEME)


@dataclass(frozen=True)
class Item:
    """A file in the store: its key, its size in bytes, when it was written (epoch seconds)."""

    key: str
    size: int
    modified: float


class Store(ABC):
    """Files under keys such as `runs/7/train/model.safetensors`, wherever they are kept."""

    grace: float = 0  # seconds between the pass that gives a payload up and the one that deletes it

    @abstractmethod
    def read(self, key: str) -> bytes:
        """The content of a file; raises FileNotFoundError."""

    @abstractmethod
    def write(self, key: str, content: bytes) -> None:
        """Write a file so that a reader sees the old content or the new, never a part."""

    @abstractmethod
    def files(self, prefix: str) -> Iterator[Item]:
        """Every file whose key begins with `<prefix>/`, in no order."""

    @abstractmethod
    def children(self, prefix: str) -> list[str]:
        """The names directly under `<prefix>/`, sorted; none where there is nothing."""

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Remove files; those that are not there are no error."""

    @abstractmethod
    def delete_tree(self, prefix: str) -> None:
        """Remove every file under `<prefix>/`; nothing there is no error."""

    @abstractmethod
    def folder(self, key: str) -> Path:
        """An existing folder of this machine in which to write what is then `put` below `key`."""

    @abstractmethod
    def put(self, key: str) -> Ref:
        """Keep a file that was written in the `folder` of its parent; returns its reference."""

    @abstractmethod
    def open(self, ref: Ref) -> Path:
        """The payload as a file of this machine, its content verified.

        Raises IntegrityError when it is missing or was changed since it was written.
        """

    @abstractmethod
    def check(self, ref: Ref) -> None:
        """Raise IntegrityError unless the payload is there with the content it was written with."""

    @abstractmethod
    def guard(self) -> AbstractContextManager[object]:
        """While it is held nobody else holds it: for short looks and changes at many files."""

    @abstractmethod
    def stage_lock(self, run_id: str, stage: str) -> AbstractContextManager[object]:
        """What a stage holds while it runs, and loses with its process."""

    @abstractmethod
    def is_running(self, run_id: str, stage: str, started: float) -> bool:
        """Whether a stage that says so still runs; `started` is in seconds since the epoch."""

    def has(self, ref: Ref) -> bool:
        """Whether the payload is there, with the content that it was written with."""
        try:
            self.check(ref)
        except IntegrityError:
            return False
        return True

    def read_json(self, key: str) -> Any:
        """Read a JSON document; raises FileNotFoundError."""
        return json.loads(self.read(key))

    def write_json(self, key: str, document: Any) -> None:
        """Write a JSON document in one piece."""
        self.write(key, to_json(document).encode())


def verify_content(path: Path, ref: Ref) -> None:
    """Raise IntegrityError unless the file is what the reference says."""
    if path.stat().st_size != ref.size or hash_file(path) != ref.sha256:
        raise make_changed_error(ref)


def make_changed_error(ref: Ref) -> IntegrityError:
    """Make the error to raise for a payload with another content."""
    return IntegrityError(
        f"{ref.uri} was changed after the pipeline wrote it: its SHA-256 is not "
        f"{ref.sha256[:12]}. Run the pipeline again to make it anew."
    )
