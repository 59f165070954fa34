"""The settings that the kit and the orchestrator's layer obey, not the stages. Managed by mlpo."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid")  # an unknown name is an error
CachedStage = Literal["ingest", "preprocess", "validate", "train", "evaluate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CachingSettings:
    """When a stage's result of an earlier run is used again instead of running the stage."""

    enabled: bool = True
    max_age_days: PositiveFloat = 14  # older results are not used; less than retention.keep_days
    always_run: tuple[CachedStage, ...] = ()  # stages that are never served


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RetentionSettings:
    """Which runs keep their files. A run may also be marked: `make keep RUN=...`."""

    auto: bool = True  # prune after a green run on this machine
    keep_last: PositiveInt = 10  # green runs, whatever their age
    keep_days: PositiveFloat = 30  # younger green runs
    keep_failed_days: PositiveFloat = 7  # younger failed runs
    max_gib: PositiveFloat = 20  # beats keep_days, and nothing else
    keep_versions: PositiveInt = 3  # of the registered models, besides the deployed ones
    max_run_hours: PositiveFloat = 48  # a run without a sign of life for longer is dead


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Resources:
    """What a stage asks for where an orchestrator places it; a laptop ignores it."""

    cpu: PositiveInt = 1
    memory_mb: Annotated[int, Field(ge=128)] = 4096
    gpu: Annotated[int, Field(ge=0)] = 0
