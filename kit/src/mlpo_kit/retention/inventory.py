"""What there is to keep or to delete: the facts that the retention policy looks at."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlpo_kit.caching import entries
from mlpo_kit.config.settings import REGISTRY_VARIABLE, BaseSettings
from mlpo_kit.retention.facts import EntryFacts, Facts, Place, RunFacts, VersionFacts
from mlpo_kit.runs import records
from mlpo_kit.runs.records import Record
from mlpo_kit.runs.summary import find_status
from mlpo_kit.store.base import Item, Ref, Store

if TYPE_CHECKING:
    from mlpo_kit.models.registry import Registry

TOMBSTONES = "retention/pruned"
Tombstones = Mapping[str, dict[str, Any]]


def locate_mark(run_id: str) -> str:
    """Return the key of the file that marks a run to be kept."""
    return f"runs/{run_id}/keep"


def read_tombstones(store: Store) -> dict[str, dict[str, Any]]:
    """Read, by run id: when the run was given up, and whether the orchestrator has forgotten it.

    One stays until nothing of its run is left, so what a killed prune left is deleted later.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in store.children(TOMBSTONES):
        with suppress(FileNotFoundError, ValueError):
            found[name.removesuffix(".json")] = store.read_json(f"{TOMBSTONES}/{name}")
    return found


def locate_tombstone(run_id: str) -> str:
    """Return the key of the file that says that a run was given up."""
    return f"{TOMBSTONES}/{run_id}.json"


def gather_facts(store: Store) -> Facts:
    """Gather what the store says of runs, cache entries and checkpoints; the registry is not asked."""
    files = {item.key: item for item in store.files("runs")}
    dead = read_tombstones(store)
    by_run: dict[str, list[Item]] = {run_id: [] for run_id in dead}
    for item in files.values():
        if item.key.count("/") > 1:
            by_run.setdefault(item.key.split("/")[1], []).append(item)
    times: dict[str, float] = {}
    sizes: dict[str, int] = defaultdict(int)
    for item in store.files("checkpoints"):
        key = "/".join(item.key.split("/")[:2])
        times[key] = max(times.get(key, 0), item.modified)
        sizes[key] += item.size
    return Facts(
        runs=[_run(store, run_id, items, dead) for run_id, items in sorted(by_run.items())],
        entries=list(_entries(store, files)),
        checkpoints=times,
        checkpoint_sizes=sizes,
    )


def _run(store: Store, run_id: str, items: list[Item], dead: Tombstones) -> RunFacts:
    sizes: dict[str, int] = defaultdict(int)
    for item in items:
        _, _, stage, *file = item.key.split("/")
        if file:
            sizes[stage] += item.size
    found = records.read_records(store, run_id) if items else {}
    all_found = [*found.values(), *(records.read_trials(store, run_id) if items else ())]
    times = [record.ended or record.started for record in all_found]
    times = times or [item.modified for item in items] or [dead[run_id]["pruned"]]
    refs = [
        ref for record in all_found for ref in (*record.inputs.values(), *record.outputs.values())
    ]
    return RunFacts(
        id=run_id,
        status=_status(found, max(times), dead.get(run_id)),
        last_sign=max(times),
        sizes=dict(sizes),
        reaches=frozenset(_places(refs)),
        marked=any(item.key == locate_mark(run_id) for item in items),
    )


def _status(found: dict[str, Record], last_sign: float, tombstone: dict[str, Any] | None) -> str:
    """As retention sees it: a run that was given up stays so, unless it was started again."""
    if any(record.state == "running" for record in found.values()):
        return "running"
    if tombstone and (not found or last_sign <= tombstone["pruned"]):
        return "pruned"
    return find_status(found) if found else "lost"


def _places(refs: Iterable[Ref]) -> Iterator[Place]:
    for ref in refs:
        kind, _, rest = ref.key.partition("/")
        run_id, _, path = rest.partition("/")
        if kind == "runs" and path:
            yield run_id, path.partition("/")[0]


def _is_whole(ref: Ref, files: dict[str, Item]) -> bool:
    """Whether the payload is there with its size. Its hash is looked at when it is used."""
    return ref.key in files and files[ref.key].size == ref.size


def _entries(store: Store, files: dict[str, Item]) -> Iterator[EntryFacts]:
    for stage in store.children("cache"):
        readable = {f"cache/{stage}/{e.key}.json": e for e in entries.read_entries(store, stage)}
        for name in store.children(f"cache/{stage}"):
            entry = readable.get(f"cache/{stage}/{name}")
            refs = list(entry.outputs.values()) if entry else []
            yield EntryFacts(
                key=f"cache/{stage}/{name}",
                places=frozenset(_places(refs)),
                created=entry.created if entry else 0,
                whole=entry is not None and all(_is_whole(ref, files) for ref in refs),
            )


def find_registry(settings: BaseSettings) -> Registry | None:
    """Find the registry; None before anything was registered on this machine. Imports MLflow."""
    database = settings.local_root / "registry" / "mlflow.db"
    if REGISTRY_VARIABLE not in os.environ and not database.is_file():
        return None
    from mlpo_kit.models.registry import open_registry

    return open_registry(settings)


def gather_versions(registry: Registry, store: Store) -> Iterator[VersionFacts]:
    """Gather what the registry says of the models whose weights are in this store.

    A server may be shared; this model's versions count without their weights, too.
    """
    files = {item.key: item for item in store.files("runs")}
    for version in registry.list_versions():
        whole = _is_whole(version.model, files)
        if whole or version.name == registry.name:
            yield VersionFacts(
                model=version.name,
                number=version.number,
                place=next(_places([version.model]), None),
                whole=whole,
                pruned=version.is_pruned,
                held=version.held,
            )
