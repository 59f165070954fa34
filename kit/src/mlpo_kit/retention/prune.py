"""Delete what the retention policy gives up: `make prune`.

Safe to kill at any instant and to run again. Under the store's guard the plan is made anew, each
run that is given up gets a tombstone, and what could lead somebody to its files goes: cache
entries, and the registry's word that a version has its weights. Only then the files go, then what
the orchestrator keeps of these runs, then the tombstones of those of which nothing is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.retention.facts import Facts, Plan
from mlpo_kit.retention.inventory import (
    find_registry,
    gather_facts,
    gather_versions,
    locate_mark,
    locate_tombstone,
    read_tombstones,
)
from mlpo_kit.retention.policy import make_plan
from mlpo_kit.retention.view import show_progress
from mlpo_kit.runs import records
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.summary import read_latest_id, refresh_latest
from mlpo_kit.store import Store, open_store

# Deletes what the orchestrator keeps of runs; may be told of the same run twice.
Forget = Callable[[BaseSettings, Collection[str]], None]
# Finds the runs that are marked to be kept in the orchestrator's own way.
FindKept = Callable[[BaseSettings], Collection[str]]
MEMORY = "retention/last.json"  # since when places are announced; what the last pass found held


def plan_prune(config: BaseSettings, kept: FindKept) -> Plan:
    """What `apply` would do in the end. Nothing is changed."""
    facts = gather_facts(open_store(config))
    registry = find_registry(config)
    if registry is not None:
        with registry.explain_errors():
            facts = replace(facts, versions=list(gather_versions(registry, open_store(config))))
    return _decide(config, _with_marks(facts, kept(config)))


def may_drop(config: BaseSettings) -> bool:
    """Whether `apply` might delete what it did not find held the last time.

    Quick: it asks neither the registry nor the orchestrator, who can only keep more.
    """
    if not all(dead["forgotten"] for dead in read_tombstones(open_store(config)).values()):
        return True
    return not _free(config) <= set(_memory(open_store(config))["held"])


def apply_plan(config: BaseSettings, forget: Forget, kept: FindKept) -> Plan:
    """Delete what the policy gives up; returns what it was."""
    store, marked, registry = open_store(config), kept(config), find_registry(config)
    with store.guard():
        facts = _with_marks(gather_facts(store), marked)
        if registry is not None:
            with registry.explain_errors():
                facts = replace(facts, versions=list(gather_versions(registry, store)))
        announced = _announce(store, _decide(config, facts))
        made = _decide(config, facts, {place for place, due in announced.items() if due})
        dying = _bury(store, made)
        store.delete(made.entries)
        if registry is not None:
            with registry.explain_errors():
                for version in made.versions:
                    registry.mark_pruned(version.model, version.number)
                for version in made.restored:
                    registry.mark_whole(version.model, version.number)
    places = [f"runs/{run_id}/{stage}" for run_id, stage in sorted(made.places)]
    for key in show_progress([*places, *made.checkpoints]):
        store.delete_tree(key)
    if dying:
        forget(config, dying)
    _clean_up(store, made, dying)
    held = _free(config) - {"/".join(place) for place, due in announced.items() if not due}
    store.write_json(MEMORY, {**_memory(store), "held": sorted(held)})
    return made


def keep_run(store: Store, run_id: str, undo: bool = False) -> str:
    """Mark a run, so that its files are never deleted, or take the mark off; says what it did."""
    with store.guard():
        if run_id not in store.children("runs") or not records.read_records(store, run_id):
            raise PipelineError(f"there is no run {run_id!r}: `make prune` lists them")
        if undo:
            store.delete([locate_mark(run_id)])
            return f"run {run_id} is kept as long as the policy says"
        if run_id in read_tombstones(store):
            raise PipelineError(f"run {run_id} was given up before: files of it are gone")
        store.write(locate_mark(run_id), b"")
    return f"run {run_id} is kept: its files are never deleted"


def _with_marks(facts: Facts, marked: Collection[str]) -> Facts:
    runs = [replace(run, marked=run.marked or run.id in marked) for run in facts.runs]
    return replace(facts, runs=runs)


def _decide(
    config: BaseSettings, facts: Facts, due: Collection[tuple[str, str]] | None = None
) -> Plan:
    return make_plan(facts, config.retention, config.caching.max_age_days, time.time(), due)


def _announce(store: Store, whole: Plan) -> dict[tuple[str, str], bool]:
    """Note since when each place is to go; says which may go now.

    Where no lock guards the store, a stage may be about to use what a cache entry named a moment
    ago. The entry goes now, the place when that stage has long said what it uses.
    """
    now, before = time.time(), _memory(store)
    since = {place: before["announced"].get("/".join(place), now) for place in whole.places}
    announced = {"/".join(place): when for place, when in sorted(since.items())}
    store.write_json(MEMORY, {**before, "announced": announced if store.grace else {}})
    return {place: now - when >= store.grace for place, when in since.items()}


def _bury(store: Store, made: Plan) -> list[str]:
    """Write tombstones; returns the runs that the orchestrator is to forget."""
    dead = read_tombstones(store)
    alive = [run.run_id for run in made.runs if run.kept and run.run_id in dead]
    store.delete(locate_tombstone(run_id) for run_id in alive)  # marked or started again since
    for run_id in made.given_up:
        dead[run_id] = {"pruned": time.time(), "forgotten": False}
        store.write_json(locate_tombstone(run_id), dead[run_id])
    gone = [run.run_id for run in made.runs if not run.kept]
    return [run_id for run_id in gone if not dead[run_id]["forgotten"]]


def _clean_up(store: Store, made: Plan, forgotten: list[str]) -> None:
    """Delete what is left of the runs of which nothing is needed, and their tombstones last."""
    vanished = [run.run_id for run in made.runs if run.vanishes]
    for run_id in vanished:
        store.delete_tree(f"runs/{run_id}")
    with store.guard():
        if vanished and read_latest_id(store) not in store.children("runs"):
            refresh_latest(store, load_pipeline())
        for run_id, tombstone in read_tombstones(store).items():
            if run_id in forgotten and run_id not in vanished:
                store.write_json(locate_tombstone(run_id), {**tombstone, "forgotten": True})
        store.delete(locate_tombstone(run_id) for run_id in vanished)


def _free(config: BaseSettings) -> set[str]:
    """What would go if registry and orchestrator held nothing."""
    made = _decide(config, gather_facts(open_store(config)))
    places = {"/".join(place) for place in made.places}
    vanishing = {run.run_id for run in made.runs if run.vanishes}
    return places | vanishing | {*made.given_up, *made.entries, *made.checkpoints}


def _memory(store: Store) -> dict[str, Any]:
    empty: dict[str, Any] = {"announced": {}, "held": []}
    try:
        return {**empty, **store.read_json(MEMORY)}
    except (FileNotFoundError, ValueError, TypeError):
        return empty
