"""Results of earlier runs, by the content of the files that they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlpo_cli import __version__
from mlpo_cli.check.engine import Result
from mlpo_cli.check.model import Edit, Finding, Fix, Place, Severity
from mlpo_cli.check.tree import Tree

MOST_ENTRIES = 20_000
Key = tuple[str, str, str]  # how the file is shown, the digest of its content, the target's version


@dataclass(frozen=True)
class Done:
    """A checked file, with the local modules that were read, and the imports that are not local."""

    result: Result
    reads: dict[str, str]
    misses: list[tuple[str, str, int]]


def find_folder() -> Path:
    """Return the folder of the cache: in XDG_CACHE_HOME, or in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "mlpo" / "check"


def hash_engine() -> str:
    """Return a digest of mlpo's version and of the files of this package and its rules."""
    digest = hashlib.sha256(__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        state = path.stat()
        digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


class Cache:
    """The results for the files of one working folder, in one file of the user's cache."""

    def __init__(self, folder: Path, tree: Tree) -> None:
        self.tree = tree
        self.engine = hash_engine()
        self.file = find_folder() / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:32]}.json"
        self.entries: dict[str, Any] = self._load()
        self.is_changed = False

    def _load(self) -> dict[str, Any]:
        try:
            document = json.loads(self.file.read_text(encoding="utf-8"))
            if document["engine"] == self.engine and isinstance(document["entries"], dict):
                return dict(document["entries"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        return {}

    def get(self, path: Path, key: Key) -> Result | None:
        """Return the result for a file with this key, if what it imports has not changed."""
        entry = self.entries.get(str(path))
        try:
            if not entry or entry["key"] != list(key):
                return None
            for file, known in entry["reads"].items():
                if self.tree.hash_file(Path(file)) != known:
                    return None
            for importer, module, level in entry["misses"]:
                if self.tree.find_file(module, level, Path(importer)) is not None:
                    return None
            return _read_result(entry["result"])
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def put(self, path: Path, key: Key, done: Done) -> None:
        """Remember a result with the digests of the files that were read for it."""
        self.is_changed = True
        self.entries[str(path)] = {
            "key": list(key),
            "reads": done.reads,
            "misses": [list(miss) for miss in done.misses],
            "result": _write_result(done.result),
        }

    def save(self) -> None:
        """Write the cache. A cache that cannot be written is no error."""
        if not self.is_changed:
            return
        entries = self.entries if len(self.entries) <= MOST_ENTRIES else {}
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=self.file.parent, prefix=".new-")
            with os.fdopen(number, "w", encoding="utf-8") as file:
                json.dump({"engine": self.engine, "entries": entries}, file)
            os.replace(name, self.file)
        except OSError:
            pass


def _write_result(result: Result) -> dict[str, Any]:
    return {
        "findings": [{**asdict(f), "severity": f.severity.value} for f in result.findings],
        "suppressed": result.suppressed,
        "skipped": result.skipped,
        "notes": list(result.notes),
        "is_relevant": result.is_relevant,
    }


def _read_result(entry: dict[str, Any]) -> Result:
    return Result(
        tuple(map(_read_finding, entry["findings"])),
        int(entry["suppressed"]),
        str(entry["skipped"]),
        tuple(entry["notes"]),
        bool(entry["is_relevant"]),
    )


def _read_finding(entry: dict[str, Any]) -> Finding:
    fix = entry["fix"]
    edits = tuple(Edit(**edit) for edit in fix["edits"]) if fix else ()
    return Finding(
        **{
            **entry,
            "place": Place(**entry["place"]),
            "severity": Severity(entry["severity"]),
            "fix": Fix(edits, fix["is_safe"]) if fix else None,
        }
    )
