"""Sections of settings: how a project declares its own, and those that the kit itself obeys."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from pydantic_core import to_jsonable_python
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
    made: type[T] = dataclass(frozen=True, kw_only=True, config=STRICT)(cls)  # type: ignore[assignment]
    return made


def find_operational(cls: Any, prefix: str) -> Iterator[str]:
    """Name the settings of a section that are marked OPERATIONAL: `train.loader_threads`."""
    for name, (kind, is_operational) in _find_fields(cls).items():
        if is_operational:
            yield f"{prefix}.{name}"
        elif is_dataclass(kind) and isinstance(kind, type):
            yield from find_operational(kind, f"{prefix}.{name}")


def drop_operational(value: Any) -> Any:
    """Turn a section into plain values, without the settings that change no result.

    Those of the sections in it are left out, too, also in lists and mappings.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            name: drop_operational(getattr(value, name))
            for name, (_, is_operational) in _find_fields(type(value)).items()
            if not is_operational
        }
    if isinstance(value, Mapping):
        return {to_jsonable_python(key): drop_operational(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [drop_operational(item) for item in value]
    return to_jsonable_python(value)


@cache
def _find_fields(cls: Any) -> dict[str, tuple[Any, bool]]:
    """The types of a dataclass's fields, and whether each is OPERATIONAL."""
    if known := getattr(cls, "__pydantic_fields__", None):
        # pydantic has resolved the names in them, those of classes in functions too
        return {
            name: (field.annotation, OPERATIONAL in field.metadata or _is_marked(field.annotation))
            for name, field in known.items()
        }
    hints = typing.get_type_hints(cls, include_extras=True)
    return {item.name: (hints[item.name], _is_marked(hints[item.name])) for item in fields(cls)}


def _is_marked(hint: Any) -> bool:
    """Whether a type, or one that it is made of, is marked OPERATIONAL."""
    if OPERATIONAL in getattr(hint, "__metadata__", ()):
        return True
    return any(_is_marked(part) for part in typing.get_args(hint) if part is not hint)


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
    retries: Annotated[int, Field(ge=0)] | None = None  # None: 1 where it learns, 0 elsewhere
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


def count_nodes(settings: Any, stage: str) -> int:
    """Count the machines that a stage of a run's settings starts together; 1 unless it says so."""
    return int(getattr(getattr(settings, stage, None), "nodes", 1))


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
