"""How well stages used their devices, and what to change if a GPU was idle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpo_kit.runs.records import Record

IDLE = 0.5  # warn if a GPU is busy for a smaller share of the time
SHORT = 20.0  # seconds; do not warn about shorter work
WAITING = 0.2  # share of the time spent waiting for rows above which loading is the cause


@dataclass(frozen=True)
class Usage:
    """How a stage used its device. Shares are fractions of `seconds`."""

    device: str
    gpus: int  # number of GPUs that the stage held; 0 on other devices
    seconds: float  # wall time of the work itself, without starting its process
    busy_share: float | None  # None if it could not be measured
    waiting_share: float  # spent waiting for rows
    peak_memory: int  # bytes, of each GPU or of the process


def find_usage(record: Record) -> Usage | None:
    """Return how a stage used its device; None if it failed, or did not do the work itself."""
    values: dict[str, Any] | None = record.values.get("usage")
    was_reused = record.cache == "hit" or record.taken_from is not None
    return None if values is None or was_reused else Usage(**values)


def add_gpu_seconds(records: Iterable[Record]) -> dict[str, float | None]:
    """Add up the GPU-seconds that stages held, from start to end, and used, running a kernel.

    `used` is None if it could not be measured.
    """
    held, used = 0.0, 0.0
    for record in records:
        usage = find_usage(record)
        if usage is not None and usage.gpus:
            held += (record.seconds or 0) * usage.gpus
            share = float("nan") if usage.busy_share is None else usage.busy_share
            used += share * usage.seconds * usage.gpus
    return {"held": round(held, 1), "used": None if used != used else round(used, 1)}


def find_warnings(records: Iterable[Record], trained: str) -> list[str]:
    """List the stages whose GPU was idle, with advice; `trained` is the training stage."""
    measured = [(record.stage, find_usage(record)) for record in records]
    texts = [advise(stage, usage, trained) for stage, usage in measured if usage is not None]
    return [text for text in texts if text is not None]


def advise(stage: str, usage: Usage, trained: str) -> str | None:
    """Advise what to change if a stage's GPU was idle; None if it was not."""
    share = usage.busy_share
    if not usage.gpus or share is None or share >= IDLE or usage.seconds < SHORT:
        return None
    idle = f"{stage}: the GPU was idle for {1 - share:.0%} of {usage.seconds:.0f} s"
    name = stage.rpartition("-")[0] if stage.startswith(f"{trained}-") else stage
    if name != trained:
        return f"{idle}: raise {name}.batch_size, or set {name}.device: cpu"
    if usage.waiting_share > WAITING:
        return (
            f"{idle}, {usage.waiting_share:.0%} waiting for rows: raise {name}.loader_threads, "
            "put storage_root on a faster disk, or set `data: device` if the rows fit"
        )
    return (
        f"{idle}: it gets too little work at once. Raise {name}.batch_size or the model size, "
        "try `compile: true`, or train on the CPU"
    )
