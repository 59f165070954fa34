"""What a stage is given besides its settings and inputs. Managed by mlpo."""

from __future__ import annotations

from contextlib import suppress
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

    def drop_checkpoints(self) -> None:
        """Delete them; what another run with the same work is just writing stays."""
        index, named = f"{self.checkpoints}/index.json", set[str]()
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            refs = self.store.read_json(index)["newest_first"]
            named = {Ref(**ref).key for ref in refs}
        own = f"{self.checkpoints}/{self.run.id}-"
        found = [item.key for item in self.store.files(self.checkpoints)]
        gone = [key for key in found if key in named | {index} or key.startswith(own)]
        if len(gone) == len(found):
            self.store.delete_tree(self.checkpoints)
        else:
            self.store.delete(gone)

    @property
    def _key(self) -> str:
        return f"runs/{self.run.id}/{self.stage}"
