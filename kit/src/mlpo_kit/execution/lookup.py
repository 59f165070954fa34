"""Look a stage's result up in the cache: whether it can be reused, and why or why not."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from mlpo_kit.caching import entries
from mlpo_kit.caching.entries import Entry
from mlpo_kit.caching.key import Parts, collect_parts, hash_parts
from mlpo_kit.config.project import find_project
from mlpo_kit.runs.pipeline import Stage
from mlpo_kit.runs.workspace import Run


@dataclass(frozen=True)
class Lookup:
    """The cache's answer for a stage that is about to run."""

    state: str  # hit | miss | off
    reason: str
    parts: Parts | None = None  # None if the result must not be saved for later runs
    entry: Entry | None = None

    @property
    def key(self) -> str | None:
        """The stage's cache key, if it has one."""
        return hash_parts(self.parts) if self.parts else None


def look_up(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> Lookup:
    """Look up the stage's result in the cache, with the reason for a hit or miss."""
    lookup = identify(run, stage, inputs)
    if lookup.state == "off" or lookup.parts is None or lookup.key is None:
        return lookup
    match = entries.find_entry(
        run.store, stage.name, lookup.key, lookup.parts, find_oldest_usable(run)
    )
    state = "hit" if match.entry else "miss"
    return replace(lookup, state=state, reason=match.reason, entry=match.entry)


def find_oldest_usable(run: Run) -> float:
    """Return the earliest creation time of a result that may be reused, in epoch seconds."""
    age: float = run.settings.caching.max_age_days * entries.DAY
    return time.time() - age


def identify(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> Lookup:
    """Collect what the stage depends on, as a miss, or return why the cache is off for it."""
    caching = run.settings.caching
    if not stage.cached:
        return Lookup("off", "always runs")
    if not caching.enabled:
        return Lookup("off", "caching.enabled is false")
    if stage.name in caching.always_run:
        return Lookup("off", "caching.always_run names it")
    parts = collect_stage_parts(run, stage, inputs)
    if parts is None:
        return Lookup("off", "only a run can tell what data its source has")
    if not run.use_cache:
        return Lookup("off", "the cache is off for this run", parts)
    return Lookup("miss", "", parts)


def collect_stage_parts(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> Parts | None:
    """Collect what the result depends on; None if the state of its source is not known."""
    section = getattr(run.settings, stage.name)
    parts = collect_parts(stage.module, section, inputs, run.settings)
    if stage.source is None:
        return parts
    module, _, function = stage.source.partition(":")
    fingerprint: str | None = getattr(find_project().import_module(module), function)(section)
    return None if fingerprint is None else {**parts, "source": fingerprint}
