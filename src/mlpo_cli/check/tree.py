"""The modules of the tree that a checked file is in, read when a rule follows an import."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from mlpo_cli.check.module import Module
from mlpo_cli.check.names import TooDeepError
from mlpo_cli.check.parse import parse
from mlpo_cli.check.source import MAX_CODE, Source, UnreadableError, decode

# Modules of these names are never taken for local ones.
FOREIGN = frozenset({*sys.stdlib_module_names, "metaflow", "kfp", "zenml", "mlpo_kit"})
MARKERS = ("pyproject.toml", ".git", "setup.py", "setup.cfg")
MOST_FOLDERS = 8  # from a file upwards to the root of its tree


class Tree:
    """Finds local modules and remembers them.

    `reads` are the files that were read since `start_file`, with the digest of each, and `misses`
    the imports that are not local: the file that imports, the name, its level.
    """

    def __init__(self) -> None:
        self.modules: dict[Path, Module | None] = {}
        self.digests: dict[Path, str] = {}
        self.entries: dict[Path, frozenset[str]] = {}
        self.reads: set[Path] = set()
        self.misses: set[tuple[str, str, int]] = set()

    def start_file(self) -> None:
        """Forget what was read for another file."""
        self.reads, self.misses = set(), set()

    def find_module(self, name: str, level: int, importer: Path) -> Module | None:
        """Return the local module that an import means; None if it is not local."""
        if not level and name.partition(".")[0] in FOREIGN:
            return None
        path = self.find_file(name, level, importer)
        if path is None:
            self.misses.add((str(importer), name, level))
            return None
        self.reads.add(path)
        return self._load(path)

    def find_file(self, name: str, level: int, importer: Path) -> Path | None:
        """Return the file of the local module that an import means."""
        parts = [part for part in name.split(".") if part]
        if level:
            folder = importer.parent
            for _ in range(level - 1):
                folder = folder.parent
            return self._find_below(folder, parts)
        found = (self._find_below(folder, parts) for folder in self._list_roots(importer.parent))
        return next((path for path in found if path), None)

    def _list_roots(self, folder: Path) -> Iterator[Path]:
        """Yield the folders in which the modules that a file imports can be, the nearest first.

        They end with the project's root. Where no file marks it, it is the file's own folder.
        """
        upwards = (folder, *folder.parents)[:MOST_FOLDERS]
        is_root = (not self._list(parent).isdisjoint(MARKERS) for parent in upwards)
        depth = next((number for number, found in enumerate(is_root) if found), 0)
        for parent in upwards[: depth + 1]:
            yield parent
            if "src" in self._list(parent):
                yield parent / "src"

    def _find_below(self, folder: Path, parts: list[str]) -> Path | None:
        for part in parts[:-1]:
            if part not in self._list(folder):
                return None
            folder /= part
        last = parts[-1] if parts else ""
        if last and f"{last}.py" in self._list(folder):
            return folder / f"{last}.py"
        if last and last not in self._list(folder):
            return None
        folder = folder / last if last else folder
        return folder / "__init__.py" if "__init__.py" in self._list(folder) else None

    def _list(self, folder: Path) -> frozenset[str]:
        if folder not in self.entries:
            try:
                self.entries[folder] = frozenset(path.name for path in folder.iterdir())
            except OSError:
                self.entries[folder] = frozenset()
        return self.entries[folder]

    def hash_file(self, path: Path) -> str:
        """Return the digest of a file's content; empty if it cannot be read."""
        if path not in self.digests:
            self._read(path)
        return self.digests[path]

    def _read(self, path: Path) -> bytes | None:
        try:
            data = path.read_bytes() if path.is_file() else None
        except OSError:
            data = None
        self.digests[path] = hashlib.sha256(data).hexdigest() if data is not None else ""
        return data

    def _load(self, path: Path) -> Module | None:
        if path not in self.modules:
            self.modules[path] = None  # a module that imports itself
            data = self._read(path)
            if data is not None and len(data) <= MAX_CODE:
                self.modules[path] = self._parse(path, data)
        return self.modules[path]

    def _parse(self, path: Path, data: bytes) -> Module | None:
        try:
            text, encoding = decode(data, "python")
            source = Source(str(path), text, "python", encoding)
            parsed = parse(source)
            return Module(source, parsed.tree, path, self) if parsed.tree else None
        except (UnreadableError, TooDeepError):
            return None
