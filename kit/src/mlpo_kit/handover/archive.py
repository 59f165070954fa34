"""The file that `mlpo-kit export` writes: a zip file with a manifest, and a checksum at its end.

The zip file's comment is the SHA-256 of all bytes before it, so that every changed byte is noticed.
The manifest holds the size and the SHA-256 of every other member. Members are not compressed and
have no dates: the same content always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mlpo_kit.errors import PipelineError
from mlpo_kit.store.files import hash_file, to_json

FORMAT = "mlpo-kit model"
SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
_CHECKSUM = 64  # bytes of the comment: a SHA-256 in hex
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")  # of a file or folder: no `..`, nothing hidden
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can hold

Document = dict[str, Any]


@dataclass(frozen=True)
class Archive:
    """A file whose hashes were all verified."""

    path: Path
    sha256: str  # of the whole file
    manifest: Document

    def read_json(self, name: str) -> Any:
        """Read a member that is a JSON document; raises PipelineError if it is not one."""
        return _parse_json(self.path, name, self.read(name))

    def list_members(self, folder: str) -> list[str]:
        """List the names of the members in a folder."""
        return [name for name in self.manifest["members"] if name.startswith(f"{folder}/")]

    def read(self, name: str) -> bytes:
        """Read a member into memory."""
        with zipfile.ZipFile(self.path) as file:
            return file.read(name)

    def copy(self, name: str, target: Path) -> None:
        """Copy a member to a file, atomically."""
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with (
                zipfile.ZipFile(self.path) as file,
                file.open(name) as member,
                partial.open("wb") as written,
            ):
                shutil.copyfileobj(member, written, 1 << 20)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def is_safe_name(name: object) -> bool:
    """Whether a text can be the name of a file or folder, and of nothing outside its folder."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def write_archive(path: Path, manifest: Document, members: Mapping[str, bytes | Path]) -> None:
    """Write a file atomically; `members` are contents or files, by name.

    Adds the format, its version and the members' hashes to the manifest. Raises PipelineError if
    another file is there already.
    """
    described = {name: _describe(content) for name, content in sorted(members.items())}
    head = {"format": FORMAT, "schema_version": SCHEMA_VERSION, **manifest, "members": described}
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as file:
            _add(file, MANIFEST, to_json(head).encode())
            for name in described:
                _add(file, name, members[name])
            file.comment = b"0" * _CHECKSUM
        checksum = _hash_start(partial)[0]
        with partial.open("r+b") as written:
            written.seek(-_CHECKSUM, os.SEEK_END)
            written.write(checksum.encode())
        if path.exists() and not (path.is_file() and hash_file(path) == hash_file(partial)):
            raise PipelineError(f"{path} exists already: delete it, or name another with --to")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def open_archive(path: Path) -> Archive:
    """Open a file and verify the hash of every member, before anything is used.

    Raises PipelineError if there is no such file, or it is damaged, altered or of a newer format.
    """
    if path.is_dir():
        raise PipelineError(f"{path} is a folder: name the file that `mlpo-kit export` wrote")
    if not path.is_file():
        raise PipelineError(f"there is no file {path}")
    checksum, recorded, digest = _hash_start(path)
    if checksum != recorded:
        raise PipelineError(
            f"{path} is damaged, or is no file that `mlpo-kit export` wrote: its bytes do not have "
            "the SHA-256 at its end. Copy or export it again"
        )
    try:
        with zipfile.ZipFile(path) as file:
            infos = {info.filename: info for info in file.infolist()}
            is_plain = all(info.compress_type == zipfile.ZIP_STORED for info in infos.values())
            if MANIFEST not in infos or not is_plain or len(infos) != len(file.infolist()):
                raise make_altered_error(path, "it has other members than an export writes")
            manifest = _parse_json(path, MANIFEST, file.read(MANIFEST))
            _check_format(path, manifest)
            members = manifest.get("members")
            if not isinstance(members, dict) or {MANIFEST, *members} != infos.keys():
                raise make_altered_error(path, "its manifest lists other members than it has")
            for name, described in members.items():
                if not all(map(is_safe_name, PurePosixPath(name).parts)) or name[:1] == "/":
                    raise make_altered_error(path, f"{name!r} is no name of a member")
                with file.open(name) as member:
                    found = {"sha256": _hash(member), "size": infos[name].file_size}
                if found != described:
                    raise make_altered_error(path, f"{name} has another SHA-256 than its manifest")
    except (zipfile.BadZipFile, RuntimeError, EOFError, OSError, ValueError) as error:
        raise make_altered_error(path, str(error)) from None
    return Archive(path, digest, manifest)


def make_altered_error(path: Path, reason: str) -> PipelineError:
    """Make the error for a file that has the right checksum, but not the content of an export."""
    return PipelineError(f"{path} was altered after `mlpo-kit export` wrote it: {reason}")


def _check_format(path: Path, manifest: Any) -> None:
    """Raise PipelineError unless this version of the kit can read the file."""
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise make_altered_error(path, "its manifest names another format")
    number = manifest.get("schema_version")
    if not isinstance(number, int) or number > SCHEMA_VERSION:
        raise PipelineError(
            f"{path} has format {number}, and this project's mlpo-kit reads up to "
            f"{SCHEMA_VERSION}: a newer mlpo-kit wrote it. `mlpo update` brings a newer one"
        )


def _parse_json(path: Path, name: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise make_altered_error(path, f"{name} is not JSON") from None


def _describe(content: bytes | Path) -> Document:
    if isinstance(content, bytes):
        return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return {"sha256": hash_file(content), "size": content.stat().st_size}


def _add(file: zipfile.ZipFile, name: str, content: bytes | Path) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = 3  # Unix: the same bytes on every machine
    info.external_attr = 0o644 << 16
    if isinstance(content, bytes):
        file.writestr(info, content)
        return
    info.file_size = content.stat().st_size  # says whether the member needs 64-bit sizes
    with content.open("rb") as source, file.open(info, "w") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _hash(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _hash_start(path: Path) -> tuple[str, str, str]:
    """Hash a file up to its checksum.

    Returns that SHA-256, the checksum at the end of the file, and the SHA-256 of the whole file.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = max(0, path.stat().st_size - _CHECKSUM)
        while left and (chunk := file.read(min(left, 1 << 20))):
            digest.update(chunk)
            left -= len(chunk)
        start = digest.hexdigest()
        end = file.read()
        digest.update(end)
    return start, end.decode("ascii", "replace"), digest.hexdigest()
