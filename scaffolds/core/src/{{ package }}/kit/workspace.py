"""What a stage is given besides its settings and inputs. Managed by mlpo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..settings import Settings
from .store import Ref, Store


@dataclass(frozen=True)
class Run:
    """One run of the pipeline: its id, who orchestrates it, and all its settings."""

    id: str
    orchestrator: str
    settings: Settings
    resumes: str | None = None  # the id of the run that this one goes on from
    use_cache: bool = True  # False: every stage of this run does its work

    @property
    def store(self) -> Store:
        """The store that the settings name."""
        return self.settings.store


@dataclass(frozen=True)
class Workspace:
    """What a stage may touch: its own folder, and payloads in the store by reference."""

    run: Run
    stage: str
    key: str | None = None  # what the cache knows the work by

    @property
    def store(self) -> Store:
        """The store of this run."""
        return self.run.store

    def open(self, ref: Ref) -> Path:
        """The verified file behind a reference."""
        return self.store.open(ref)

    def path(self, name: str) -> Path:
        """Where to write a payload of this stage."""
        return self.store.folder(self._key) / name

    def ref(self, name: str) -> Ref:
        """Keep a payload that this stage wrote, and return its reference."""
        return self.store.put(f"{self._key}/{name}")

    @property
    def checkpoints(self) -> str:
        """Where the stage may leave what a later try at the same work goes on from."""
        return f"checkpoints/{self.key or self.run.id}"

    @property
    def _key(self) -> str:
        return f"runs/{self.run.id}/{self.stage}"
