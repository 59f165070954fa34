"""Checkpoints, from which a killed training resumes.

They are stored under the stage's cache key, so that a new run of the same work resumes from them
too. The newest two are kept, in case the newest is damaged. An index lists them and is written
last; a checkpoint that it does not list counts as missing.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import torch

from mlpo_kit.errors import IntegrityError
from mlpo_kit.runs.workspace import Workspace

log = logging.getLogger(__name__)

KEPT = 2


class Checkpoints:
    """The checkpoints of a stage."""

    def __init__(self, work: Workspace, every: float) -> None:
        """Use the checkpoints under the cache key of `work`; wait `every` seconds between two.

        They may come from another run with the same key.
        """
        self._work = work
        self._every = every
        self._index = f"{work.checkpoints}/index.json"
        self._written = time.monotonic()

    def newest(self, device: torch.device) -> dict[str, Any] | None:
        """Load the newest intact state, with tensors on `device`; None if there is none."""
        for ref in self._work.read_checkpoints():
            try:
                path = self._work.open(ref)
            except IntegrityError as error:
                log.warning("a checkpoint can't be used: %s", error)
                continue
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
            return state
        return None

    def is_due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return time.monotonic() - self._written >= self._every

    def save(self, state: dict[str, Any], name: str) -> None:
        """Save a state of tensors and plain values; delete all but this and the previous one."""
        store, earlier = self._work.store, self._work.read_checkpoints()
        key = f"{self._work.checkpoints}/{self._work.run.id}-{name}.pt"
        torch.save(state, store.folder(self._work.checkpoints) / key.rpartition("/")[2])
        kept = [store.put(key), *(ref for ref in earlier if ref.key != key)]
        document = [{"uri": ref.uri, "sha256": ref.sha256, "size": ref.size} for ref in kept[:KEPT]]
        store.write_json(self._index, {"run_id": self._work.run.id, "newest_first": document})
        # Delete this run's files even if they are not in the index: a process may have been killed
        # before it wrote the index. Leave those of other runs: they may still be writing.
        prefix = f"{self._work.checkpoints}/{self._work.run.id}-"
        present = {item.key for item in store.files(self._work.checkpoints)}
        old = {ref.key for ref in earlier} | {key for key in present if key.startswith(prefix)}
        store.delete(old - {ref.key for ref in kept[:KEPT]})
        self._written = time.monotonic()
