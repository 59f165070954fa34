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
from typing import TYPE_CHECKING

from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.retention.facts import Facts, Place, Plan
from mlpo_kit.retention.inventory import gather_facts
from mlpo_kit.retention.marks import locate_tombstone, read_tombstones
from mlpo_kit.retention.memory import announce, read_held, write_held
from mlpo_kit.retention.policy import make_plan
from mlpo_kit.retention.versions import find_registry, gather_versions
from mlpo_kit.retention.view import show_progress
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.summary import read_latest_id, refresh_latest
from mlpo_kit.store import Store, open_store

if TYPE_CHECKING:
    from mlpo_kit.models.registry import Registry

# Deletes what the orchestrator keeps of runs; may be told of the same run twice.
ForgetRuns = Callable[[BaseSettings, Collection[str]], None]
# Finds the runs that are marked to be kept in the orchestrator's own way.
FindKeptRuns = Callable[[BaseSettings], Collection[str]]


def plan_prune(settings: BaseSettings, find_kept_runs: FindKeptRuns) -> Plan:
    """Plan what `apply_plan` would do in the end. Nothing is changed.

    Raises PipelineError where store, registry or orchestrator do not answer.
    """
    store, registry = open_store(settings), find_registry(settings)
    facts = _add_marks(gather_facts(store), find_kept_runs(settings))
    return _decide(settings, _add_versions(facts, registry, store))


def may_drop(settings: BaseSettings) -> bool:
    """Whether `apply_plan` might delete what it did not find held the last time.

    Quick: it asks neither the registry nor the orchestrator, who can only keep more.
    """
    store = open_store(settings)
    if not all(dead["forgotten"] for dead in read_tombstones(store).values()):
        return True
    return not _find_free(settings, store) <= read_held(store)


def apply_plan(
    settings: BaseSettings, forget_runs: ForgetRuns, find_kept_runs: FindKeptRuns
) -> Plan:
    """Delete what the policy gives up; returns what it was.

    `forget_runs` deletes what the orchestrator keeps of runs, `find_kept_runs` finds those that are
    marked there. Raises PipelineError where store, registry or orchestrator do not answer: what was
    begun is finished by the next call.
    """
    store, registry = open_store(settings), find_registry(settings)
    kept = find_kept_runs(settings)
    with store.guard():
        facts = _add_versions(_add_marks(gather_facts(store), kept), registry, store)
        announced = announce(store, _decide(settings, facts).places)
        plan = _decide(settings, facts, {place for place, is_due in announced.items() if is_due})
        dying = _bury(store, plan)
        store.delete(plan.entries)
        if registry is not None:
            _mark_versions(registry, plan)
    places = [f"runs/{run_id}/{stage}" for run_id, stage in sorted(plan.places)]
    for key in show_progress([*places, *plan.checkpoints]):
        store.delete_tree(key)
    if dying:
        forget_runs(settings, dying)
    _clean_up(store, plan, dying)
    waiting = {"/".join(place) for place, is_due in announced.items() if not is_due}
    write_held(store, _find_free(settings, store) - waiting)
    return plan


def _add_marks(facts: Facts, marked: Collection[str]) -> Facts:
    runs = [replace(run, marked=run.marked or run.id in marked) for run in facts.runs]
    return replace(facts, runs=runs)


def _add_versions(facts: Facts, registry: Registry | None, store: Store) -> Facts:
    if registry is None:
        return facts
    with registry.explain_errors():
        return replace(facts, versions=list(gather_versions(registry, store)))


def _decide(settings: BaseSettings, facts: Facts, due: Collection[Place] | None = None) -> Plan:
    now, cache_days = time.time(), settings.caching.max_age_days
    return make_plan(facts, settings.retention, cache_days, now, due)


def _mark_versions(registry: Registry, plan: Plan) -> None:
    """Let the registry say which versions have their weights."""
    with registry.explain_errors():
        for version in plan.versions:
            registry.mark_pruned(version.model, version.number)
        for version in plan.restored:
            registry.mark_whole(version.model, version.number)


def _bury(store: Store, plan: Plan) -> list[str]:
    """Write tombstones; returns the runs that the orchestrator is to forget."""
    dead = read_tombstones(store)
    alive = [run.run_id for run in plan.runs if run.kept and run.run_id in dead]
    store.delete(locate_tombstone(run_id) for run_id in alive)  # marked or started again since
    for run_id in plan.given_up:
        dead[run_id] = {"pruned": time.time(), "forgotten": False}
        store.write_json(locate_tombstone(run_id), dead[run_id])
    gone = [run.run_id for run in plan.runs if not run.kept]
    return [run_id for run_id in gone if not dead[run_id]["forgotten"]]


def _clean_up(store: Store, plan: Plan, forgotten: list[str]) -> None:
    """Delete what is left of the runs of which nothing is needed, and their tombstones last."""
    vanished = [run.run_id for run in plan.runs if run.vanishes]
    for run_id in vanished:
        store.delete_tree(f"runs/{run_id}")
    with store.guard():
        if vanished and read_latest_id(store) not in store.children("runs"):
            refresh_latest(store, load_pipeline())
        for run_id, tombstone in read_tombstones(store).items():
            if run_id in forgotten and run_id not in vanished:
                store.write_json(locate_tombstone(run_id), {**tombstone, "forgotten": True})
        store.delete(locate_tombstone(run_id) for run_id in vanished)


def _find_free(settings: BaseSettings, store: Store) -> set[str]:
    """What would go if registry and orchestrator held nothing."""
    plan = _decide(settings, gather_facts(store))
    places = {"/".join(place) for place in plan.places}
    vanishing = {run.run_id for run in plan.runs if run.vanishes}
    return places | vanishing | {*plan.given_up, *plan.entries, *plan.checkpoints}
