"""Delete what the retention policy gives up: `make prune`. Managed by mlpo.

Safe to kill at any instant and to run again. Under the store's guard the plan is made anew, each
run that is given up gets a tombstone, and what could lead somebody to its files goes: cache
entries, and the registry's word that a version has its weights. Only then the files go, then what
the orchestrator keeps of these runs, then the tombstones of those of which nothing is left.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from .. import settings
from . import prune_view, records
from .cluster import check_shared
from .errors import PipelineError
from .facts import Facts, Plan
from .inventory import gather, mark_key, open_registry, tombstone_key, tombstones, versions
from .retention import make_plan
from .store import Store, to_json

Forget = Callable[[settings.Settings, Collection[str]], None]
Kept = Callable[[settings.Settings], Collection[str]]
MEMORY = "retention/last.json"  # since when places are announced; what the last pass found held


def main(
    forget: Forget = lambda config, run_ids: None,
    kept: Kept = lambda config: (),
    arguments: list[str] | None = None,
) -> int:
    """Show the plan, or apply it. Returns the exit code: 0, or 1 when it could not be done.

    `forget` deletes what the orchestrator itself keeps of runs; it may be told of the same run
    twice. `kept` returns the runs that are marked in the orchestrator's own way. After a run
    (`--auto`), neither is called when nothing is to be dropped.
    """
    parser = argparse.ArgumentParser(prog="make prune", description="Delete what is too old.")
    parser.add_argument("--profile", default="local", help="a file of configs/, or a path")
    parser.add_argument("--apply", action="store_true", help="delete; without it, only say what")
    parser.add_argument("--auto", action="store_true", help="apply where retention.auto says so")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args(arguments)
    try:
        config = settings.load(chosen.profile)
        check_shared(config)
        if chosen.auto and not (config.retention.auto and may_drop(config)):
            return 0
        done = chosen.apply or chosen.auto
        made = apply(config, forget, kept) if done else plan(config, kept)
        if chosen.json:
            print(to_json(prune_view.as_document(made, done)).rstrip())
        elif not chosen.auto:
            print(prune_view.as_table(made, done, time.time()))
        elif not made.is_empty:
            print(prune_view.summary(made, done))
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 0 if chosen.auto else 1
    except KeyboardInterrupt:
        return 130
    return 0


def plan(config: settings.Settings, kept: Kept) -> Plan:
    """What `apply` would do in the end. Nothing is changed."""
    facts = gather(config.store)
    registry = open_registry(config)
    if registry is not None:
        with registry.explained():
            facts = replace(facts, versions=list(versions(registry, config.store)))
    return _decide(config, _with_marks(facts, kept(config)))


def may_drop(config: settings.Settings) -> bool:
    """Whether `apply` might delete what it did not find held the last time.

    Quick: it asks neither the registry nor the orchestrator, who can only keep more.
    """
    if not all(dead["forgotten"] for dead in tombstones(config.store).values()):
        return True
    return not _free(config) <= set(_memory(config.store)["held"])


def apply(config: settings.Settings, forget: Forget, kept: Kept) -> Plan:
    """Delete what the policy gives up; returns what it was."""
    store, marked, registry = config.store, kept(config), open_registry(config)
    with store.guard():
        facts = _with_marks(gather(store), marked)
        if registry is not None:
            with registry.explained():
                facts = replace(facts, versions=list(versions(registry, store)))
        announced = _announce(store, _decide(config, facts))
        made = _decide(config, facts, {place for place, due in announced.items() if due})
        dying = _bury(store, made)
        store.delete(made.entries)
        if registry is not None:
            with registry.explained():
                for version in made.versions:
                    registry.mark_pruned(version.model, version.number)
                for version in made.restored:
                    registry.mark_whole(version.model, version.number)
    places = [f"runs/{run_id}/{stage}" for run_id, stage in sorted(made.places)]
    for key in prune_view.progress([*places, *made.checkpoints]):
        store.delete_tree(key)
    if dying:
        forget(config, dying)
    _clean_up(store, made, dying)
    held = _free(config) - {"/".join(place) for place, due in announced.items() if not due}
    store.write_json(MEMORY, {**_memory(store), "held": sorted(held)})
    return made


def keep(store: Store, run_id: str, undo: bool = False) -> str:
    """Mark a run, so that its files are never deleted, or take the mark off; says what it did."""
    with store.guard():
        if run_id not in store.children("runs") or not records.read_all(store, run_id):
            raise PipelineError(f"there is no run {run_id!r}: `make prune` lists them")
        if undo:
            store.delete([mark_key(run_id)])
            return f"run {run_id} is kept as long as the policy says"
        if run_id in tombstones(store):
            raise PipelineError(f"run {run_id} was given up before: files of it are gone")
        store.write(mark_key(run_id), b"")
    return f"run {run_id} is kept: its files are never deleted"


def _with_marks(facts: Facts, marked: Collection[str]) -> Facts:
    runs = [replace(run, marked=run.marked or run.id in marked) for run in facts.runs]
    return replace(facts, runs=runs)


def _decide(
    config: settings.Settings, facts: Facts, due: Collection[tuple[str, str]] | None = None
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
    dead = tombstones(store)
    alive = [run.run_id for run in made.runs if run.kept and run.run_id in dead]
    store.delete(tombstone_key(run_id) for run_id in alive)  # marked or started again since
    for run_id in made.given_up:
        dead[run_id] = {"pruned": time.time(), "forgotten": False}
        store.write_json(tombstone_key(run_id), dead[run_id])
    gone = [run.run_id for run in made.runs if not run.kept]
    return [run_id for run_id in gone if not dead[run_id]["forgotten"]]


def _clean_up(store: Store, made: Plan, forgotten: list[str]) -> None:
    """Delete what is left of the runs of which nothing is needed, and their tombstones last."""
    vanished = [run.run_id for run in made.runs if run.vanishes]
    for run_id in vanished:
        store.delete_tree(f"runs/{run_id}")
    with store.guard():
        if vanished and records.latest_id(store) not in store.children("runs"):
            records.refresh_latest(store)
        for run_id, tombstone in tombstones(store).items():
            if run_id in forgotten and run_id not in vanished:
                store.write_json(tombstone_key(run_id), {**tombstone, "forgotten": True})
        store.delete(tombstone_key(run_id) for run_id in vanished)


def _free(config: settings.Settings) -> set[str]:
    """What would go if registry and orchestrator held nothing."""
    made = _decide(config, gather(config.store))
    places = {"/".join(place) for place in made.places}
    vanishing = {run.run_id for run in made.runs if run.vanishes}
    return places | vanishing | {*made.given_up, *made.entries, *made.checkpoints}


def _memory(store: Store) -> dict[str, Any]:
    empty: dict[str, Any] = {"announced": {}, "held": []}
    try:
        return {**empty, **store.read_json(MEMORY)}
    except (FileNotFoundError, ValueError, TypeError):
        return empty


if __name__ == "__main__":  # under an orchestrator that keeps nothing of a run
    sys.exit(main())
