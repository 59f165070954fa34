"""What a stage did with its device, and what to change where that was little."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpo_kit.runs.records import Record

IDLE = 0.5  # a GPU that is busy for less of the time is worth a warning
SHORT = 20.0  # seconds: what is over so soon is no reason to warn
WAITING = 0.2  # share of the time that says that the rows come too slowly


@dataclass(frozen=True)
class Usage:
    """What a stage did with its device. Shares are of `seconds`; None where nobody could tell."""

    device: str
    gpus: int  # that the stage held; 0 on other devices
    seconds: float  # wall time of the work proper, without the start of its process
    busy_share: float | None
    waiting_share: float  # for rows
    peak_memory: int  # bytes: of each GPU, or of the process


def find_usage(record: Record) -> Usage | None:
    """What a stage did with its device; None where it did nothing itself, or did not end well."""
    values: dict[str, Any] | None = record.values.get("usage")
    was_there = record.cache == "hit" or record.taken_from is not None
    return None if values is None or was_there else Usage(**values)


def add_gpu_seconds(records: Iterable[Record]) -> dict[str, float | None]:
    """The GPU-seconds that stages held, from start to end, and those in which a kernel ran.

    The latter are None where nobody could tell.
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
    """Say where a GPU idled, and what to change; `trained` is the stage that learns."""
    measured = [(record.stage, find_usage(record)) for record in records]
    texts = [advise(stage, usage, trained) for stage, usage in measured if usage is not None]
    return [text for text in texts if text is not None]


def advise(stage: str, usage: Usage, trained: str) -> str | None:
    """Say what to change where a GPU idles; None where nothing is to be said."""
    share = usage.busy_share
    if not usage.gpus or share is None or share >= IDLE or usage.seconds < SHORT:
        return None
    idle = f"{stage}: the GPU was idle for {1 - share:.0%} of {usage.seconds:.0f} s"
    name = stage.rpartition("-")[0] if stage.startswith(f"{trained}-") else stage
    if name != trained:
        return f"{idle}: raise {name}.batch_size, or say {name}.device: cpu"
    if usage.waiting_share > WAITING:
        return (
            f"{idle}, {usage.waiting_share:.0%} waiting for rows: raise {name}.loader_threads, "
            "put storage_root on a faster disk, or say `data: device` if they fit"
        )
    return (
        f"{idle}: it gets too little at once. Raise {name}.batch_size or the size of the model, "
        "try `compile: true`, or train on the CPU"
    )
