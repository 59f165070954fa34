"""What says of a run, besides its records, whether it stays: marks to keep it, and tombstones."""

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
    """Return the key of the file that marks a run to be kept."""
    return f"runs/{run_id}/keep"


def locate_tombstone(run_id: str) -> str:
    """Return the key of the file that says that a run was given up."""
    return f"{TOMBSTONES}/{run_id}.json"


def read_tombstones(store: Store) -> dict[str, dict[str, Any]]:
    """Read, by run id: when the run was given up, and whether the orchestrator has forgotten it.

    One stays until nothing of its run is left, so what a killed prune left is deleted later.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in store.children(TOMBSTONES):
        with suppress(FileNotFoundError, ValueError):
            found[name.removesuffix(".json")] = store.read_json(f"{TOMBSTONES}/{name}")
    return found


def keep_run(store: Store, run_id: str, undo: bool = False) -> str:
    """Mark a run, so that its files are never deleted, or take the mark off.

    Returns a sentence that says what was done. Raises PipelineError where there is no such run, or
    it was given up before.
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
            return f"run {run_id} is kept as long as the policy says"
        if run_id in read_tombstones(store):
            raise PipelineError(f"run {run_id} was given up before: files of it are gone")
        store.write(locate_mark(run_id), b"")
    return f"run {run_id} is kept: its files are never deleted"
