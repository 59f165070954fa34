"""The files that mark a run as kept, and the tombstones of pruned runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.records import OLDER, is_of_older_project, read_records
from mlpo_kit.store import Store

TOMBSTONES = "retention/pruned"
Tombstones = Mapping[str, dict[str, Any]]


def locate_mark(run_id: str) -> str:
    """Return the key of the file that marks a run as kept."""
    return f"runs/{run_id}/keep"


def locate_tombstone(run_id: str) -> str:
    """Return the key of the file that marks a run as pruned."""
    return f"{TOMBSTONES}/{run_id}.json"


def read_tombstones(store: Store) -> dict[str, dict[str, Any]]:
    """Read the tombstones by run id: `pruned` is when the run was pruned (seconds since the epoch).

    `forgotten` is whether the orchestrator has deleted its data of the run. A tombstone stays until
    all files of its run are deleted, so that a later prune finishes what a killed prune began.
    """
    tombstones: dict[str, dict[str, Any]] = {}
    for name in store.children(TOMBSTONES):
        with suppress(FileNotFoundError, ValueError):
            tombstones[name.removesuffix(".json")] = store.read_json(f"{TOMBSTONES}/{name}")
    return tombstones


def keep_run(store: Store, run_id: str, undo: bool = False) -> str:
    """Mark a run so that its files are never deleted, or remove the mark with `undo`.

    Returns a sentence that says what was done. Raises PipelineError if there is no such run, an
    older project wrote it, or it was pruned.
    """
    with store.guard():
        if run_id not in store.children("runs"):
            raise PipelineError(f"there is no run {run_id!r}: `make prune` lists them")
        if is_of_older_project(store, run_id):
            raise PipelineError(f"run {run_id} was {OLDER}: its files are never deleted anyway")
        if not read_records(store, run_id):
            raise PipelineError(f"there is no run {run_id!r}: `make prune` lists them")
        if undo:
            store.delete([locate_mark(run_id)])
            return f"run {run_id} is no longer marked: it is kept as long as the policy says"
        if run_id in read_tombstones(store):
            raise PipelineError(f"run {run_id} was pruned: it has lost files and can't be kept")
        store.write(locate_mark(run_id), b"")
    return f"run {run_id} is kept: its files are never deleted"
