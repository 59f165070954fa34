"""The progress of a stage: one line per epoch, written while it trains.

The lines are in `progress.jsonl` in the stage's folder of this machine, so that writing one takes
microseconds. If the store is a bucket, they are copied there when the stage ends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpo_kit.store.base import Store

FILE = "progress.jsonl"


@dataclass(frozen=True)
class Epoch:
    """The metrics of one epoch, and when they were known (seconds since 1970)."""

    number: int
    time: float
    metrics: dict[str, float]


def append_epoch(store: Store, run_id: str, stage: str, epoch: Mapping[str, float]) -> None:
    """Append the metrics of an epoch. An error of the disk is ignored: progress is only watched."""
    line = json.dumps({**epoch, "time": time.time()}, default=float) + "\n"
    path = _locate_file(store, run_id, stage)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line)


def read_progress(store: Store, run_id: str, stage: str) -> list[Epoch]:
    """Read the epochs of a stage in the order in which they were written.

    The first line of an epoch counts: a training that resumes may repeat its last epochs, with the
    same results. Lines that are damaged or not complete are left out.
    """
    epochs: dict[int, Epoch] = {}
    stored, local = _read_stored(store, run_id, stage), _read_local(store, run_id, stage)
    for line in (stored if local == stored else stored + local).splitlines():
        with suppress(ValueError, TypeError, KeyError):
            document = json.loads(line)
            epoch = parse_epoch(document, len(epochs) + 1, float(document["time"]))
            epochs.setdefault(epoch.number, epoch)
    return list(epochs.values())


def list_epochs(store: Store, run_id: str, stage: str) -> list[dict[str, float]]:
    """List the epochs so far of a stage, also while it trains: `epoch`, and each metric."""
    return [
        {"epoch": epoch.number, **epoch.metrics} for epoch in read_progress(store, run_id, stage)
    ]


def parse_epoch(document: Any, position: int, when: float) -> Epoch:
    """Parse a line about an epoch; raises TypeError or ValueError if it is none.

    A line without `epoch` gets its position as its number. Values that are not numbers are left
    out.
    """
    if not isinstance(document, dict):
        raise TypeError(f"not a mapping: {document!r}")
    metrics = {
        name: float(value)
        for name, value in document.items()
        if name not in ("epoch", "time")
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
    }
    return Epoch(int(document.get("epoch", position)), when, metrics)


def store_progress(store: Store, run_id: str, stage: str) -> None:
    """Copy the lines of this machine to the store, unless they are there."""
    stored, local = _read_stored(store, run_id, stage), _read_local(store, run_id, stage)
    if not stored.endswith(local):
        # Lines of an earlier attempt may come from another machine: they stay, in front.
        lines = local if local.startswith(stored) else stored + local
        store.write(_locate(run_id, stage), lines)


def measure_progress(store: Store, run_id: str, stage: str) -> int:
    """Return the size of this machine's lines in bytes; 0 without any."""
    with suppress(FileNotFoundError):
        return _locate_file(store, run_id, stage).stat().st_size
    return 0


def _locate(run_id: str, stage: str) -> str:
    return f"runs/{run_id}/{stage}/{FILE}"


def _locate_file(store: Store, run_id: str, stage: str) -> Path:
    return store.machine_path(_locate(run_id, stage))


def _read_stored(store: Store, run_id: str, stage: str) -> bytes:
    try:
        return store.read(_locate(run_id, stage))
    except FileNotFoundError:
        return b""


def _read_local(store: Store, run_id: str, stage: str) -> bytes:
    try:
        return _locate_file(store, run_id, stage).read_bytes()
    except OSError:
        return b""
