"""What a stage did with its device, and what to change where that was little. Managed by mlpo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .records import Record

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


def usage_of(record: Record) -> Usage | None:
    """What a stage did with its device; None where it did nothing itself, or did not end well."""
    told: dict[str, Any] | None = record.values.get("usage")
    was_there = record.cache == "hit" or record.taken_from is not None
    return None if told is None or was_there else Usage(**told)


def gpu_seconds(records: Iterable[Record]) -> dict[str, float | None]:
    """The GPU-seconds that stages held, from start to end, and those in which a kernel ran.

    The latter are None where nobody could tell.
    """
    held, used = 0.0, 0.0
    for record in records:
        usage = usage_of(record)
        if usage is not None and usage.gpus:
            held += (record.seconds or 0) * usage.gpus
            share = float("nan") if usage.busy_share is None else usage.busy_share
            used += share * usage.seconds * usage.gpus
    return {"held": round(held, 1), "used": None if used != used else round(used, 1)}


def warnings(records: Iterable[Record]) -> list[str]:
    """Where a GPU idled, and what to change."""
    found = ((record.stage, usage_of(record)) for record in records)
    advices = (advice(stage, usage) for stage, usage in found if usage is not None)
    return [text for text in advices if text is not None]


def advice(stage: str, usage: Usage) -> str | None:
    """What to change where a GPU idles; None where nothing is to be said."""
    share = usage.busy_share
    if not usage.gpus or share is None or share >= IDLE or usage.seconds < SHORT:
        return None
    idle = f"{stage}: the GPU was idle for {1 - share:.0%} of {usage.seconds:.0f} s"
    if stage != "train":
        return f"{idle}: raise {stage}.batch_size, or say {stage}.device: cpu"
    if usage.waiting_share > WAITING:
        return (
            f"{idle}, {usage.waiting_share:.0%} waiting for rows: raise train.loader_threads, "
            "put storage_root on a faster disk, or say `data: device` if they fit"
        )
    return (
        f"{idle}: it gets too little at once. Raise train.batch_size or the size of the model, "
        "try `compile: true`, or train on the CPU"
    )
