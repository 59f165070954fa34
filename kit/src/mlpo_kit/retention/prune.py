"""Delete what the retention policy no longer keeps: `make prune`.

A prune can be killed at any time and run again. Its steps:

1. Under the store's guard: make the plan, write a tombstone for each newly pruned run, delete cache
   entries and snapshots, and mark versions in the registry whose weights will be deleted. After
   this, nothing leads a new run to files that will be deleted.
2. Delete the files.
3. Delete the orchestrator's own data of these runs.
4. Delete the tracked runs, then the records and, last, the tombstones of the runs of which nothing
   is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.execution.tracking import locate_unsent
from mlpo_kit.retention.facts import Facts, Place, Plan
from mlpo_kit.retention.inventory import find_snapshot, gather_facts
from mlpo_kit.retention.marks import locate_tombstone, read_tombstones
from mlpo_kit.retention.memory import announce, read_held, write_held
from mlpo_kit.retention.policy import make_plan
from mlpo_kit.retention.versions import find_mlflow_run, find_registry, gather_versions
from mlpo_kit.retention.view import show_progress
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.summary import read_latest_id, refresh_latest
from mlpo_kit.store import Store, open_store

if TYPE_CHECKING:
    from mlpo_kit.models.registry import Registry

# Deletes the orchestrator's own data of runs. May be called again for a run.
DeleteRuns = Callable[[BaseSettings, Collection[str]], None]
# Finds the runs that a user marked as kept in the orchestrator.
FindKeptRuns = Callable[[BaseSettings], Collection[str]]


def plan_prune(settings: BaseSettings, find_kept_runs: FindKeptRuns) -> Plan:
    """Plan what `apply_plan` deletes, once all grace periods are over. Changes nothing.

    Raises PipelineError if the store, the registry or the orchestrator does not answer.
    """
    store, registry = open_store(settings), find_registry(settings)
    facts = _add_marks(gather_facts(store), find_kept_runs(settings))
    return _decide(settings, _add_versions(facts, registry, store))


def may_drop(settings: BaseSettings) -> bool:
    """Whether `apply_plan` might delete something. Quick: it reads the store only.

    Registry and orchestrator can only keep more, and what they held at the last prune is assumed to
    be held still.
    """
    store = open_store(settings)
    if not all(tombstone["forgotten"] for tombstone in read_tombstones(store).values()):
        return True
    return not _find_candidates(settings, store) <= read_held(store)


def apply_plan(
    settings: BaseSettings, delete_runs: DeleteRuns, find_kept_runs: FindKeptRuns
) -> Plan:
    """Delete what the policy no longer keeps; returns the plan that was applied.

    `delete_runs` deletes the orchestrator's own data of runs, `find_kept_runs` finds the runs that
    are marked there. Raises PipelineError if the store, the registry or the orchestrator does not
    answer; the next call finishes what this one began.
    """
    store, registry = open_store(settings), find_registry(settings)
    kept = find_kept_runs(settings)
    with store.guard():
        facts = _add_versions(_add_marks(gather_facts(store), kept), registry, store)
        announced = announce(store, _decide(settings, facts).places)
        plan = _decide(settings, facts, {place for place, is_due in announced.items() if is_due})
        to_delete = _write_tombstones(store, plan)
        store.delete(plan.entries)
        _delete_snapshots(store, plan)
        if registry is not None:
            _mark_versions(registry, plan)
    places = [f"runs/{run_id}/{stage}" for run_id, stage in sorted(plan.places)]
    for key in show_progress([*places, *plan.checkpoints]):
        store.delete_tree(key)
    if to_delete:
        delete_runs(settings, to_delete)
    if registry is not None:
        _delete_tracked_runs(settings, registry, store, plan)
    _clean_up(store, plan, to_delete)
    waiting = {"/".join(place) for place, is_due in announced.items() if not is_due}
    write_held(store, _find_candidates(settings, store) - waiting)
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
    """Mark in the registry which versions have lost their weights, and which have them again."""
    with registry.explain_errors():
        for version in plan.versions:
            registry.mark_pruned(version.model, version.number)
        for version in plan.restored:
            registry.mark_whole(version.model, version.number)


def _delete_snapshots(store: Store, plan: Plan) -> None:
    """Delete snapshots, except those of runs that have started since the plan was made.

    Only a store without a lock can have such runs. A new run may need a snapshot that is there
    already, so announcing the deletion, as for places, would not protect it.
    """
    if plan.snapshots:
        known = {run.run_id for run in plan.runs}
        started = [run_id for run_id in store.children("runs") if run_id not in known]
        named = {find_snapshot(store, run_id) for run_id in started}
        store.delete(key for key in plan.snapshots if key not in named)


def _delete_tracked_runs(
    settings: BaseSettings, registry: Registry, store: Store, plan: Plan
) -> None:
    """Delete from MLflow the tracked runs of the runs of which nothing is left."""
    runs = {run.run_id: find_mlflow_run(store, run.run_id) for run in plan.runs if run.vanishes}
    if runs:
        from mlpo_kit.models.deletion import delete_tracked_runs

        with registry.explain_errors():
            folder = settings.local_root / "registry"
            delete_tracked_runs(folder, {registry.name, settings.project}, runs)


def _write_tombstones(store: Store, plan: Plan) -> list[str]:
    """Write the tombstones of newly pruned runs; returns the runs to delete.

    Deletes the tombstones of runs that are kept again, because they were marked or restarted.
    """
    tombstones = read_tombstones(store)
    kept = [run.run_id for run in plan.runs if run.kept and run.run_id in tombstones]
    store.delete(locate_tombstone(run_id) for run_id in kept)
    for run_id in plan.newly_pruned:
        tombstones[run_id] = {"pruned": time.time(), "forgotten": False}
        store.write_json(locate_tombstone(run_id), tombstones[run_id])
    pruned = [run.run_id for run in plan.runs if not run.kept]
    return [run_id for run_id in pruned if not tombstones[run_id]["forgotten"]]


def _clean_up(store: Store, plan: Plan, forgotten: list[str]) -> None:
    """Delete the records of runs of which nothing else is left, then their tombstones and marks.

    Notes in the other tombstones which runs the orchestrator has deleted (`forgotten`).
    """
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
        known = store.children("runs") if plan.unsent else []
        store.delete(locate_unsent(run_id) for run_id in plan.unsent if run_id not in known)


def _find_candidates(settings: BaseSettings, store: Store) -> set[str]:
    """Find what a prune would delete if registry and orchestrator held nothing."""
    plan = _decide(settings, gather_facts(store))
    places = {"/".join(place) for place in plan.places}
    vanishing = {run.run_id for run in plan.runs if run.vanishes}
    files = {*plan.entries, *plan.checkpoints, *plan.snapshots, *map(locate_unsent, plan.unsent)}
    return places | vanishing | files | {*plan.newly_pruned}
