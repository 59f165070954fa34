"""The store: payloads of a run in a directory, addressed by reference. Managed by mlpo.

Layout: `<root>/runs/<run id>/<stage>/<file>`. A reference names a file relative to the root,
so a store that was moved, or mounted elsewhere, still resolves it.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import IntegrityError

_SCHEME = "store://"


@dataclass(frozen=True)
class Ref:
    """A payload in the store: where it is, its SHA-256 and its size in bytes."""

    uri: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Store:
    """A directory that holds `runs/`."""

    root: Path

    @property
    def runs(self) -> Path:
        """The directory with one folder per run."""
        return self.root / "runs"

    def stage_dir(self, run_id: str, stage: str) -> Path:
        """The folder for one stage's files, made if it is not there."""
        path = self.runs / run_id / stage
        path.mkdir(parents=True, exist_ok=True)
        return path

    def reference(self, path: Path) -> Ref:
        """The reference of a file in the store."""
        uri = _SCHEME + path.relative_to(self.root).as_posix()
        return Ref(uri, file_digest(path), path.stat().st_size)

    def locate(self, ref: Ref) -> Path:
        """Where the file of a reference is, without a look at its content."""
        return self.root / ref.uri.removeprefix(_SCHEME)

    def open(self, ref: Ref) -> Path:
        """The file behind a reference, its content verified.

        Raises IntegrityError when it is missing or was changed since it was written.
        """
        path = self.locate(ref)
        if not path.is_file():
            raise IntegrityError(f"{ref.uri} is not in the store at {self.root}")
        if file_digest(path) != ref.sha256:
            raise IntegrityError(
                f"{ref.uri} was changed after the pipeline wrote it: its SHA-256 is not "
                f"{ref.sha256[:12]}. Run the pipeline again to make it anew."
            )
        return path


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def write_json(path: Path, document: Any) -> None:
    """Write a JSON document atomically."""
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON document."""
    return json.loads(path.read_text(encoding="utf-8"))
