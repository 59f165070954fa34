"""Sections of settings: how a project declares its own, and those that the kit itself obeys."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from typing_extensions import dataclass_transform

T = TypeVar("T")

STRICT = ConfigDict(extra="forbid")  # an unknown name is an error
# Marks a setting that changes how a stage works and never what comes out of it.
OPERATIONAL = "operational"
Device = Literal["auto", "cpu", "cuda", "mps"]
Share = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


@dataclass_transform(kw_only_default=True, frozen_default=True)
def section(cls: type[T]) -> type[T]:
    """Make a class a section of the settings: frozen, by keyword only, unknown names refused.

        @section
        class PreprocessSettings:
            val_share: float = 0.15

    Values are checked and converted as pydantic does it for a dataclass.
    """
    return dataclass(frozen=True, kw_only=True, config=STRICT)(cls)


def find_operational(cls: type[Any], prefix: str) -> Iterator[str]:
    """Name the settings of a section that are marked OPERATIONAL, such as `train.loader_threads`."""
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        if OPERATIONAL in getattr(hint, "__metadata__", ()):
            yield f"{prefix}.{name}"
        elif is_dataclass(hint) and isinstance(hint, type):
            yield from find_operational(hint, f"{prefix}.{name}")


@section
class CachingSettings:
    """When a stage's result of an earlier run is used again instead of running the stage."""

    enabled: bool = True
    max_age_days: PositiveFloat = 14  # older results are not used; less than retention.keep_days
    always_run: tuple[str, ...] = ()  # stages that are never served from the cache


@section
class RetentionSettings:
    """Which runs keep their files. A run may also be marked: `make keep RUN=...`."""

    auto: bool = True  # prune after a completed run on this machine
    keep_last: PositiveInt = 10  # completed runs, whatever their age
    keep_days: PositiveFloat = 30  # younger completed runs
    keep_failed_days: PositiveFloat = 7  # younger failed runs
    max_gib: PositiveFloat = 20  # beats keep_days, and nothing else
    keep_versions: PositiveInt = 3  # of the registered models, besides the deployed ones
    max_run_hours: PositiveFloat = 48  # a run without a sign of life for longer is dead


@section
class Resources:
    """What a stage asks for where an orchestrator places it; a laptop ignores it."""

    cpu: PositiveInt = 1
    memory_mb: Annotated[int, Field(ge=128)] = 4096
    gpu: Annotated[int, Field(ge=0)] = 0
    retries: Annotated[int, Field(ge=0)] = 0  # more tries, where one fails
    timeout_hours: PositiveFloat | None = None  # that the stage may take


@section
class ProcessSettings:
    """Where a stage that learns computes: for a training loop of your own.

    `batch_size` and `accumulate` are here as they must fit the number of processes.
    """

    batch_size: Annotated[int, Field(ge=2)] = 64  # of all processes together
    accumulate: PositiveInt = 1  # parts that a batch is computed in, where it takes too much memory
    device: Device = "auto"
    threads: PositiveInt = 1  # of the CPU; fixed, for the same result on the same machine
    loader_threads: Annotated[PositiveInt, OPERATIONAL] = 2  # that stream rows to the device
    processes: PositiveInt = 1  # on each machine, one per GPU
    nodes: PositiveInt = 1  # machines that train one model together
    # Seconds that a process waits for another, and between two checkpoints.
    timeout_seconds: Annotated[PositiveFloat, OPERATIONAL] = 600
    checkpoint_seconds: Annotated[float, Field(ge=0), OPERATIONAL] = 60

    def __post_init__(self) -> None:
        """Refuse a batch that can't be dealt out evenly."""
        parts = self.processes * self.nodes * self.accumulate
        if self.batch_size % parts:
            raise ValueError(
                f"batch_size ({self.batch_size}) must be a multiple of processes x nodes x "
                f"accumulate ({parts})"
            )


@section
class TrainingSettings(ProcessSettings):
    """The kit's training loop: what its optimizer, its schedule and its end depend on."""

    epochs: PositiveInt = 20
    learning_rate: PositiveFloat = 3e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    warmup_share: BelowOne = 0.1  # of all steps
    clip_norm: PositiveFloat = 1.0
    patience: PositiveInt = 8  # epochs without a better validation loss
    seed: int = 7
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # auto: fp32 but on GPUs
    compile: bool = False  # torch.compile: minutes at first, then faster; needs a C++ compiler
    data: Literal["auto", "device", "stream"] = "auto"  # auto: on the device where the rows fit
