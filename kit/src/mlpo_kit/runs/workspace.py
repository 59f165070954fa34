"""A run, and the workspace that each of its stages gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlpo_kit.runs.pipeline import Pipeline, load_pipeline
from mlpo_kit.runs.progress import append_epoch
from mlpo_kit.store import Ref, Store, open_store
from mlpo_kit.store.files import write_json, write_text


@dataclass(frozen=True)
class Run:
    """One run of the pipeline: its id, its orchestrator and all its settings."""

    id: str
    orchestrator: str
    settings: Any  # the project's Settings
    resumes: str | None = None  # the id of the run that this one resumes
    use_cache: bool = True  # False: every stage does its work, and none reuses a result
    pipeline: Pipeline = field(default_factory=load_pipeline)

    @property
    def store(self) -> Store:
        """The store that the settings name."""
        return open_store(self.settings)


@dataclass(frozen=True)
class Workspace:
    """A stage's access to the store: its own folder, and payloads by reference."""

    run: Run
    stage: str  # its name in the run, which is also the name of its folder
    key: str | None = None  # the cache key of the result

    @property
    def store(self) -> Store:
        """The store of this run."""
        return self.run.store

    def open(self, ref: Ref) -> Path:
        """Return the verified file that a reference points to; raises IntegrityError."""
        return self.store.open(ref)

    def read_json(self, ref: Ref) -> Any:
        """Read the JSON document that a reference points to; raises IntegrityError."""
        return json.loads(self.open(ref).read_text(encoding="utf-8"))

    def path(self, name: str) -> Path:
        """Return the path to write a payload to; `ref` then stores it."""
        return self.store.folder(self.folder) / name

    def ref(self, name: str) -> Ref:
        """Store a payload that this stage wrote to `path(name)`, and return its reference."""
        return self.store.put(f"{self.folder}/{name}")

    def log_metrics(self, epoch: Mapping[str, float]) -> None:
        """Log the metrics of an epoch while the stage trains; `epoch` is its number.

            work.log_metrics({"epoch": 3, "train_loss": 0.21, "val_loss": 0.25})

        Takes microseconds: a process in the background sends them to MLflow.
        """
        append_epoch(self.store, self.run.id, self.stage, epoch)

    def save_json(self, name: str, document: Any) -> Ref:
        """Write a JSON document as a payload, and return its reference."""
        write_json(self.path(name), document)
        return self.ref(name)

    def save_text(self, name: str, text: str) -> Ref:
        """Write a text as a payload, and return its reference."""
        write_text(self.path(name), text)
        return self.ref(name)

    @property
    def checkpoints(self) -> str:
        """The key of the folder with the checkpoints of this work; later attempts share it."""
        return f"checkpoints/{self.key or self.run.id}"

    def read_checkpoints(self) -> list[Ref]:
        """Read the index of the checkpoints to resume from, the newest first.

        With the cache off, those of other runs do not count.
        """
        origin, refs = self._read_index()
        return refs if self.run.use_cache or origin in (self.run.id, self.run.resumes) else []

    def drop_checkpoints(self) -> None:
        """Delete the checkpoints, except those that another run of the same work is writing."""
        index, indexed = (
            f"{self.checkpoints}/index.json",
            {ref.key for ref in self._read_index()[1]},
        )
        prefix = f"{self.checkpoints}/{self.run.id}-"
        present = [item.key for item in self.store.files(self.checkpoints)]
        finished = [key for key in present if key in indexed | {index} or key.startswith(prefix)]
        if len(finished) == len(present):
            self.store.delete_tree(self.checkpoints)
        else:
            self.store.delete(finished)

    def _read_index(self) -> tuple[str, list[Ref]]:
        """Read which run wrote the index of the checkpoints, and what it lists."""
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            index = self.store.read_json(f"{self.checkpoints}/index.json")
            return index["run_id"], [Ref(**ref) for ref in index["newest_first"]]
        return "", []

    @property
    def folder(self) -> str:
        """The key of the stage's own folder in the store."""
        return f"runs/{self.run.id}/{self.stage}"
