"""Parts of a generated history of a store: stages that do no work, and a store that crashes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlpo_kit.runs.usage import Usage
from mlpo_kit.runs.workspace import Workspace
from mlpo_kit.store.folder import FolderStore

DAY = 86400
SIZES = {"ingest": 1100, "preprocess": 100, "validate": 50, "train": 4000, "evaluate": 200}
OLDER_RUN = "1795890303807212"  # in tests/data/older-project.tar.xz


class Crash(BaseException):
    """Simulates that the process is killed."""


class Fragile(FolderStore):
    """A folder whose user crashes after `left` changes; None: never."""

    left: int | None = None

    @classmethod
    def count(cls) -> bool:
        """Count a change; returns whether the process crashes at it."""
        if cls.left is not None:
            cls.left -= 1
        return cls.left == 0

    def write(self, key: str, content: bytes) -> None:
        """Write, or crash before it."""
        if self.count():
            raise Crash
        super().write(key, content)

    def delete(self, keys: Any) -> None:
        """Delete one by one; a crash leaves the rest."""
        for key in keys:
            if self.count():
                raise Crash
            super().delete([key])

    def delete_tree(self, prefix: str) -> None:
        """Delete a folder; a crash leaves all but one file."""
        if self.count():
            for item in list(self.files(prefix))[:1]:
                super().delete([item.key])
            raise Crash
        super().delete_tree(prefix)


def make_fragile(delete: Callable[..., None]) -> Callable[..., None]:
    """Let the deletion of an MLflow run crash as well, with its files deleted or not."""

    def delete_or_crash(client: Any, folder: Path, run: Any) -> None:
        if Fragile.count():
            if hash_text(run.info.run_id) % 2:
                shutil.rmtree(folder / "artifacts" / run.info.run_id, ignore_errors=True)
            raise Crash
        delete(client, folder, run)

    return delete_or_crash


def write_payload(work: Workspace, name: str, section: Any, inputs: dict[str, Any]) -> Any:
    """Write a payload of the stage's size: a line of JSON, so that it can stand for a history."""
    text = f"{work.stage} {section} {[getattr(ref, 'sha256', '') for ref in inputs.values()]}"
    line = json.dumps({"epoch": 1, "val_loss": 0.1, "of": 0.0})
    digest = hash_text(text)
    work.path(name).write_text(f'{line[:-1]}, "made": {digest}}}'.ljust(SIZES[work.stage]))
    return work.ref(name)


USAGE = Usage("cpu", 0, 1.0, 0.9, 0.0, 1)
RESULTS: dict[str, Any] = {
    "ingest": lambda ref: {"dataset": ref("data"), "version": "v", "rows": 1},
    "preprocess": lambda ref: {"splits": ref("splits"), "rows": {"train": 1}},
    "validate": lambda ref: {"report": ref("report")},
    "train": lambda ref: {
        "model": ref("model"),
        "history": ref("history"),
        "best_epoch": 1,
        "val_loss": 0.1,
        "val_accuracy": 0.9,
        "samples_per_second": 1.0,
        "device": "cpu",
        "usage": USAGE,
    },
    "evaluate": lambda ref: {
        "report": ref("report"),
        "predictions": ref("rows"),
        "metrics": {"accuracy": 0.9},
        "usage": USAGE,
    },
}


def hash_text(text: str) -> int:
    """Return a number that differs for different texts."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


def read_older(folder: Path) -> dict[str, bytes]:
    """Read the files of the older project in the store: its runs, entries and checkpoints."""
    paths = [path for path in folder.glob(f"runs/{OLDER_RUN}/**/*") if path.is_file()]
    for path in [*folder.glob("cache/*/*.json"), *folder.glob("checkpoints/*/index.json")]:
        if f'"{OLDER_RUN}' in path.read_text():
            paths += [path] if "cache" in path.parts else list(path.parent.glob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def read_raw_records(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the records of a run from its files, without its notes such as run.json."""
    documents = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {name: document for name, document in documents.items() if "state" in document}


def find_references(records: dict[str, dict[str, Any]]) -> set[str]:
    """Find the files that records name."""
    return {
        ref["uri"].removeprefix("store://")
        for record in records.values()
        for group in ("inputs", "outputs")
        for ref in record[group].values()
    }


def get_end(record: dict[str, Any]) -> float:
    return float(record["ended"] or record["started"])


def make_earlier(document: Any, days: float) -> Any:
    """Move the times in a record, cache entry or tombstone back by `days`."""
    for name in ("started", "ended", "created", "pruned"):
        if isinstance(document.get(name), float):
            document[name] -= days * DAY
    return document
