"""Where a training that was killed goes on.

Checkpoints are kept under the stage's key, so that a new run of the same goes on from them too.
Two are kept: the newest, and the one before, for the case that the newest is damaged. An index
that is written last says which they are; what it does not name does not exist.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any

import torch

from mlpo_kit.errors import IntegrityError
from mlpo_kit.runs.workspace import Workspace
from mlpo_kit.store.base import Ref

log = logging.getLogger(__name__)

KEPT = 2


class Checkpoints:
    """The checkpoints of a stage; `every` is the least time between two, in seconds."""

    def __init__(self, work: Workspace, every: float) -> None:
        """Those under the key of `work`, of this run or of another with the same key."""
        self._work = work
        self._every = every
        self._index = f"{work.checkpoints}/index.json"
        self._written = time.monotonic()

    def newest(self, device: torch.device) -> dict[str, Any] | None:
        """The newest state that is whole, its tensors on `device`; None where there is none."""
        for ref in self._known():
            try:
                path = self._work.open(ref)
            except IntegrityError as error:
                log.warning("a checkpoint can't be used: %s", error)
                continue
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
            return state
        return None

    def is_due(self) -> bool:
        """Whether it is time for another one."""
        return time.monotonic() - self._written >= self._every

    def save(self, state: dict[str, Any], name: str) -> None:
        """Keep a state of tensors and plain values; forget all but the one before."""
        store, known = self._work.store, self._known()
        key = f"{self._work.checkpoints}/{self._work.run.id}-{name}.pt"
        torch.save(state, store.folder(self._work.checkpoints) / key.rpartition("/")[2])
        kept = [store.put(key), *(ref for ref in known if ref.key != key)]
        document = [{"uri": ref.uri, "sha256": ref.sha256, "size": ref.size} for ref in kept[:KEPT]]
        store.write_json(self._index, {"run_id": self._work.run.id, "newest_first": document})
        # One of this run may be of a process that was killed before it named it. Another run's may
        # be on its way.
        own = f"{self._work.checkpoints}/{self._work.run.id}-"
        found = {item.key for item in store.files(self._work.checkpoints)}
        old = {ref.key for ref in known} | {key for key in found if key.startswith(own)}
        store.delete(old - {ref.key for ref in kept[:KEPT]})
        self._written = time.monotonic()

    def _known(self) -> list[Ref]:
        """What the index names. Of other runs' nothing, where this run uses no earlier result."""
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            index = self._work.store.read_json(self._index)
            run = self._work.run
            if run.use_cache or index["run_id"] in (run.id, run.resumes):
                return [Ref(**ref) for ref in index["newest_first"]]
        return []
