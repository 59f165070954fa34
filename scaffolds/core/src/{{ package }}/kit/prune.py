"""Delete what the retention policy gives up: `make prune`. Managed by mlpo.

Safe to kill at any instant and to run again. Under the store's guard the plan is made anew, each
dropped run gets a tombstone, and what could lead somebody to its files goes: cache entries, and
the registry's word that a version has its weights. Only then the files go, then what the
orchestrator keeps of these runs, then the tombstones.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from typing import Any

from .. import settings
from . import records
from .errors import PipelineError
from .inventory import gather, versions
from .retention import DAY, Plan, Verdict, VersionFacts, make_plan
from .store import Store, to_json

Forget = Callable[[Collection[str]], None]
Kept = Callable[[], Collection[str]]


def main(forget: Forget, kept: Kept, arguments: list[str] | None = None) -> int:
    """Show the plan, or apply it. Returns the exit code: 0, or 1 when it could not be done.

    `forget` deletes what the orchestrator itself keeps of runs; it may be told of the same run
    twice. `kept` returns the runs that are marked in the orchestrator's own way. Neither is called
    when nothing is to be dropped.
    """
    parser = argparse.ArgumentParser(prog="make prune", description="Delete what is too old.")
    parser.add_argument("--profile", default="local", help="which file of configs/ to use")
    parser.add_argument("--apply", action="store_true", help="delete; without it, only say what")
    parser.add_argument("--auto", action="store_true", help="apply where retention.auto says so")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args(arguments)
    try:
        config = settings.load(chosen.profile)
        if chosen.auto:
            said = _automatic(config, forget, kept)
        elif chosen.apply:
            said = _told(apply(config, forget, kept), chosen.json, done=True)
        else:
            said = _told(plan(config, kept), chosen.json, done=False)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 0 if chosen.auto else 1
    if said:
        print(said)
    return 0


def plan(config: settings.Settings, kept: Kept, thorough: bool = True) -> Plan:
    """What `apply` would do now. Nothing is changed.

    Not `thorough`, it does not ask the registry and the orchestrator, who can only keep more.
    """
    facts = gather(config.store)
    if thorough:
        marked = kept()
        runs = [replace(run, marked=run.marked or run.id in marked) for run in facts.runs]
        facts = replace(facts, runs=runs, versions=list(versions(config)))
    return make_plan(facts, config.retention, config.caching.max_age_days, time.time())


def apply(config: settings.Settings, forget: Forget, kept: Kept) -> Plan:
    """Delete what the policy gives up; returns what it was.

    In a bucket, what is given up now is deleted by a later pass, unless it is needed by then.
    """
    store = config.store
    with store.guard():
        made = plan(config, kept)
        ready = [run for run in made.dropped if _is_ripe(store, run.run_id)]
        store.delete(made.entries)
        if made.versions:
            _mark(config, made.versions)
    for number, run in enumerate(ready):
        _show_progress(number, len(ready))
        for stage in run.stages:
            store.delete_tree(f"runs/{run.run_id}/{stage}")
        if run.vanishes:
            store.delete_tree(f"runs/{run.run_id}")
    for key in made.checkpoints:
        store.delete_tree(key)
    if ended := _ended(store, made, ready):
        forget(ended)
        store.delete(_tombstone(run_id) for run_id in ended)
        records.refresh_latest(store)
    return made


def _tombstone(run_id: str) -> str:
    return f"pruned/{run_id}.json"


def _is_ripe(store: Store, run_id: str) -> bool:
    """Whether a run was given up long enough ago; a run that was not is given up now."""
    try:
        since = float(store.read_json(_tombstone(run_id))["given_up"])
    except FileNotFoundError:
        since = time.time()
        store.write_json(_tombstone(run_id), {"given_up": since})
    return time.time() - since >= store.grace


def _ended(store: Store, made: Plan, ready: list[Verdict]) -> list[str]:
    """The runs with a tombstone of which nothing is left to wait for."""
    waiting = {run.run_id for run in made.dropped} - {run.run_id for run in ready}
    marked = {name.removesuffix(".json") for name in store.children("pruned")}
    kept = {run.run_id for run in made.runs if run.kept}
    store.delete(_tombstone(run_id) for run_id in marked & kept)  # needed again meanwhile
    return sorted(marked - waiting - kept)


def _mark(config: settings.Settings, versions: Sequence[VersionFacts]) -> None:
    """Let the registry say that these versions have no weights any more."""
    from .registry import Registry

    registry = Registry(config.register.model_name, config.local_root)
    for version in versions:
        registry.mark_pruned(version.model, version.number)


def _automatic(config: settings.Settings, forget: Forget, kept: Kept) -> str:
    """Apply the policy after a run; one line where that deleted something."""
    if not config.retention.auto or plan(config, set, thorough=False).is_empty:
        return ""
    done = apply(config, forget, kept)
    if not done.dropped:
        return ""
    freed = sum(run.freed for run in done.dropped)
    return f"pruned {len(done.dropped)} runs, {in_words(freed)} freed; `make prune` shows the rest"


def _told(made: Plan, as_json: bool, done: bool) -> str:
    return to_json(as_document(made, done)).rstrip() if as_json else as_table(made, done)


def as_document(made: Plan, done: bool) -> dict[str, Any]:
    """For programs. Sizes are bytes, times seconds since the epoch."""
    return {
        "schema_version": 1,
        "applied": done,
        "runs": [asdict(run) for run in made.runs],
        "cache_entries": list(made.entries),
        "versions": [{"model": v.model, "version": v.number} for v in made.versions],
        "checkpoints": list(made.checkpoints),
        "freed": sum(run.freed for run in made.runs),
        "problems": list(made.problems),
    }


def as_table(made: Plan, done: bool) -> str:
    """For people: a line per run, newest first, and what it comes to."""
    if not made.runs:
        return "there is no run yet"
    now = time.time()
    rows = [("run", "age", "status", "size", "", "why")]
    for run in sorted(made.runs, key=lambda run: run.started, reverse=True):
        word = "kept" if run.kept or not run.freed else "dropped" if run.vanishes else "reduced"
        age = f"{(now - run.started) / DAY:.1f} d"
        rows.append((run.run_id, age, run.status, in_words(run.size), word, run.reason))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=False)) for r in rows]
    lines = [f"{line}  {row[5]}".rstrip() for line, row in zip(lines, rows, strict=True)]
    freed = sum(run.freed for run in made.runs)
    total = sum(run.size for run in made.runs)
    lines += ["", f"{in_words(total - freed)} stay, {in_words(freed)} {'went' if done else 'go'}"]
    for count, what in (
        (len(made.entries), "cache entries"),
        (len(made.versions), "versions keep their row and lose their weights"),
        (len(made.checkpoints), "old checkpoints"),
    ):
        lines += [f"{count} {what}"] if count else []
    lines += [f"note: {problem}" for problem in made.problems]
    if not done and not made.is_empty:
        lines.append("nothing was deleted: `make prune APPLY=1` does it")
    return "\n".join(lines)


def in_words(size: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _show_progress(number: int, count: int) -> None:
    if sys.stderr.isatty() and count > 1:
        end = "\n" if number + 1 == count else "\r"
        print(f"pruning run {number + 1} of {count}", end=end, file=sys.stderr, flush=True)
