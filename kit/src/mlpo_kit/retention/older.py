"""What an older project left in the store: found, so that it is left alone.

Its runs are told apart by their records, its cache entries by themselves. Its checkpoints look like
those of today, and belong to it where they name such a run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import Any

from mlpo_kit.runs.records import is_of_older_project, locate_sweep
from mlpo_kit.store import Ref, Store


def has_older_records(store: Store, run_id: str, keys: Collection[str], known: set[str]) -> bool:
    """Whether a run with these files was recorded by an older project.

    `known` are the names of the records that could be read: where these are all, none is older.
    """
    names = {key.split("/")[2] for key in keys if key.count("/") == 2 and key.endswith(".json")}
    unread = names - {f"{name}.json" for name in known} - {locate_sweep(run_id).split("/")[2]}
    return bool(unread) and is_of_older_project(store, run_id)


def find_named_runs(store: Store, run_ids: Iterable[str]) -> set[str]:
    """Find the runs whose payloads the records of these older runs name."""
    found: set[str] = set()
    for run_id in run_ids:
        for name in store.children(f"runs/{run_id}"):
            if name.endswith(".json"):
                with suppress(FileNotFoundError, ValueError):
                    found |= set(_find_runs(store.read_json(f"runs/{run_id}/{name}")))
    return found


def are_older_checkpoints(
    store: Store, checkpoints: str, names: Iterable[str], older: Collection[str]
) -> bool:
    """Whether one of these runs wrote in this folder of checkpoints, whose files have `names`."""
    if not older:
        return False
    runs = {checkpoints.rpartition("/")[2], *(name.rsplit("-", 2)[0] for name in names)}
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        runs.add(str(store.read_json(f"{checkpoints}/index.json")["run_id"]))
    return not runs.isdisjoint(older)


def _find_runs(value: Any) -> Iterator[str]:
    """The runs that references anywhere in a document lead to."""
    if isinstance(value, dict):
        if value.keys() == {"uri", "sha256", "size"} and isinstance(value["uri"], str):
            kind, _, rest = Ref(**value).key.partition("/")
            if kind == "runs":
                yield rest.partition("/")[0]
        for inner in value.values():
            yield from _find_runs(inner)
