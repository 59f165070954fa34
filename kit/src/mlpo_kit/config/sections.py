"""Sections of settings: the decorator that declares one, and the sections that the kit reads."""

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
# Marks a setting that changes how a stage runs but never its result.
OPERATIONAL = "operational"
Device = Literal["auto", "cpu", "cuda", "mps"]
Share = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


@dataclass_transform(kw_only_default=True, frozen_default=True)
def section(cls: type[T]) -> type[T]:
    """Make a class a section of the settings: frozen, keyword-only, without unknown names.

        @section
        class PreprocessSettings:
            val_share: float = 0.15

    Values are checked and converted as in a pydantic dataclass.
    """
    decorated: type[T] = dataclass(frozen=True, kw_only=True, config=STRICT)(cls)  # type: ignore[assignment]
    return decorated


def find_operational(cls: Any, prefix: str) -> Iterator[str]:
    """Yield the dotted names of a section's OPERATIONAL settings: `train.loader_threads`."""
    for name, (kind, is_operational) in _find_fields(cls).items():
        if is_operational:
            yield f"{prefix}.{name}"
        elif is_dataclass(kind) and isinstance(kind, type):
            yield from find_operational(kind, f"{prefix}.{name}")


def drop_operational(value: Any) -> Any:
    """Turn a section into plain values, without its OPERATIONAL settings.

    This includes nested sections, also those in lists and mappings.
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
    """Map the fields of a dataclass to their type and whether they are OPERATIONAL."""
    if pydantic_fields := getattr(cls, "__pydantic_fields__", None):
        # pydantic has resolved the names in the annotations, also for classes inside functions
        return {
            name: (field.annotation, OPERATIONAL in field.metadata or _is_marked(field.annotation))
            for name, field in pydantic_fields.items()
        }
    hints = typing.get_type_hints(cls, include_extras=True)
    return {item.name: (hints[item.name], _is_marked(hints[item.name])) for item in fields(cls)}


def _is_marked(hint: Any) -> bool:
    """Whether a type or one of its type arguments is marked OPERATIONAL."""
    if OPERATIONAL in getattr(hint, "__metadata__", ()):
        return True
    return any(_is_marked(part) for part in typing.get_args(hint) if part is not hint)


@section
class CachingSettings:
    """When a stage's result from an earlier run is reused instead of running the stage."""

    enabled: bool = True
    max_age_days: PositiveFloat = 14  # of a reused result; must be below retention.keep_days
    always_run: tuple[str, ...] = ()  # stages that never use the cache


@section
class RetentionSettings:
    """Which runs keep their files. `make keep RUN=...` also keeps a run."""

    auto: bool = True  # prune after each completed run on this machine
    keep_last: PositiveInt = 10  # keep this many completed runs, whatever their age
    keep_days: PositiveFloat = 30  # keep completed runs up to this age
    keep_failed_days: PositiveFloat = 7  # keep failed runs up to this age
    max_gib: PositiveFloat = 20  # total size; overrides keep_days only
    keep_versions: PositiveInt = 3  # registered models to keep in addition to the deployed ones
    max_run_hours: PositiveFloat = 48  # a stage that has been `running` for longer counts as dead


@section
class Resources:
    """What a stage requests from the cluster; ignored where stages run on this machine."""

    cpu: PositiveInt = 1
    memory_mb: Annotated[int, Field(ge=128)] = 4096
    gpu: Annotated[int, Field(ge=0)] = 0
    retries: Annotated[int, Field(ge=0)] | None = None  # None: 1 for the training stage, else 0
    timeout_hours: PositiveFloat | None = None  # longest run time of the stage


@section
class ProcessSettings:
    """Device and processes of a training stage: use it for a training loop of your own.

    `batch_size` and `accumulate` are included because they must fit the number of processes.
    """

    batch_size: Annotated[int, Field(ge=2)] = 64  # over all processes
    accumulate: PositiveInt = 1  # parts that each batch is computed in, to save memory
    device: Device = "auto"
    threads: PositiveInt = 1  # CPU threads; a fixed number gives the same result on one machine
    loader_threads: Annotated[PositiveInt, OPERATIONAL] = 2  # threads that stream rows
    processes: PositiveInt = 1  # on each machine, one per GPU
    nodes: PositiveInt = 1  # machines that train one model together
    # How long a process waits for another one, and the time between two checkpoints, in seconds.
    timeout_seconds: Annotated[PositiveFloat, OPERATIONAL] = 600
    checkpoint_seconds: Annotated[float, Field(ge=0), OPERATIONAL] = 60

    def __post_init__(self) -> None:
        """Raise ValueError unless a batch splits evenly over processes and parts."""
        parts = self.processes * self.nodes * self.accumulate
        if self.batch_size % parts:
            raise ValueError(
                f"batch_size ({self.batch_size}) must be a multiple of processes x nodes x "
                f"accumulate ({parts})"
            )


def count_nodes(settings: Any, stage: str) -> int:
    """Count the machines that run a stage together: its setting `nodes`, or 1 without one."""
    return int(getattr(getattr(settings, stage, None), "nodes", 1))


@section
class TrainingSettings(ProcessSettings):
    """Settings of the kit's training loop: optimizer, learning-rate schedule, stopping."""

    epochs: PositiveInt = 20
    learning_rate: PositiveFloat = 3e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    warmup_share: BelowOne = 0.1  # of all steps
    clip_norm: PositiveFloat = 1.0
    patience: PositiveInt = 8  # epochs without a better validation loss
    seed: int = 7
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # auto: fp32 except on GPUs
    compile: bool = False  # torch.compile: slow to start, then faster; needs a C++ compiler
    data: Literal["auto", "device", "stream"] = "auto"  # auto: on the device if the rows fit
