"""Recognize the files of an older project in the store, so that a prune leaves them alone.

The schema in its records and cache entries identifies its runs and entries. Its checkpoints look
like current ones; they are an older project's if they name one of its runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import Any

from mlpo_kit.runs.pipeline import OTHER_FILES
from mlpo_kit.runs.records import is_of_older_project
from mlpo_kit.store import Ref, Store

# Files of a run beside its records.
NOTES = {*OTHER_FILES.values(), ".tracking.settings.json"}


def has_older_records(store: Store, run_id: str, keys: Collection[str], readable: set[str]) -> bool:
    """Whether an older project wrote the records of a run.

    `keys` are its files, `readable` the names of its records with the current schema. A run all of
    whose records are readable is not an older project's.
    """
    names = {key.split("/")[2] for key in keys if key.count("/") == 2 and key.endswith(".json")}
    unread = names - {f"{name}.json" for name in readable} - NOTES
    return bool(unread) and is_of_older_project(store, run_id)


def find_named_runs(store: Store, run_ids: Iterable[str]) -> set[str]:
    """Find the runs whose payloads are named in the records of these older runs."""
    named: set[str] = set()
    for run_id in run_ids:
        for name in store.children(f"runs/{run_id}"):
            if name.endswith(".json"):
                with suppress(FileNotFoundError, ValueError):
                    named |= set(_find_runs(store.read_json(f"runs/{run_id}/{name}")))
    return named


def are_older_checkpoints(
    store: Store, checkpoints: str, names: Iterable[str], older: Collection[str]
) -> bool:
    """Whether one of the `older` runs wrote this folder of checkpoints; `names` are its files."""
    if not older:
        return False
    runs = {checkpoints.rpartition("/")[2], *(name.rsplit("-", 2)[0] for name in names)}
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        runs.add(str(store.read_json(f"{checkpoints}/index.json")["run_id"]))
    return not runs.isdisjoint(older)


def _find_runs(value: Any) -> Iterator[str]:
    """Find the runs that references anywhere in a document point to."""
    if isinstance(value, dict):
        if value.keys() == {"uri", "sha256", "size"} and isinstance(value["uri"], str):
            kind, _, rest = Ref(**value).key.partition("/")
            if kind == "runs":
                yield rest.partition("/")[0]
        for inner in value.values():
            yield from _find_runs(inner)
