"""What there is to keep or to delete: the facts that the retention policy looks at.

Managed by mlpo.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .. import settings
from . import cache, records
from .facts import EntryFacts, Facts, Place, RunFacts, VersionFacts
from .records import Record
from .store import Item, Ref, Store

if TYPE_CHECKING:
    from .registry import Registry

TOMBSTONES = "retention/pruned"
Tombstones = Mapping[str, dict[str, Any]]


def mark_key(run_id: str) -> str:
    """The file that marks a run to be kept."""
    return f"runs/{run_id}/keep"


def tombstones(store: Store) -> dict[str, dict[str, Any]]:
    """By run id: when the run was given up, and whether the orchestrator has forgotten it.

    One stays until nothing of its run is left, so what a killed prune left is deleted later.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in store.children(TOMBSTONES):
        with suppress(FileNotFoundError, ValueError):
            found[name.removesuffix(".json")] = store.read_json(f"{TOMBSTONES}/{name}")
    return found


def tombstone_key(run_id: str) -> str:
    """The file that says that a run was given up."""
    return f"{TOMBSTONES}/{run_id}.json"


def gather(store: Store) -> Facts:
    """What the store says of runs, cache entries and checkpoints; the registry is not asked."""
    files = {item.key: item for item in store.files("runs")}
    dead = tombstones(store)
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
    found = records.read_all(store, run_id) if items else {}
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
        marked=any(item.key == mark_key(run_id) for item in items),
    )


def _status(found: dict[str, Record], last_sign: float, tombstone: dict[str, Any] | None) -> str:
    """As retention sees it: a run that was given up stays so, unless it was started again."""
    if any(record.state == "running" for record in found.values()):
        return "running"
    if tombstone and (not found or last_sign <= tombstone["pruned"]):
        return "pruned"
    return records.run_status(found) if found else "lost"


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
        readable = {f"cache/{stage}/{e.key}.json": e for e in cache.entries(store, stage)}
        for name in store.children(f"cache/{stage}"):
            entry = readable.get(f"cache/{stage}/{name}")
            refs = list(entry.outputs.values()) if entry else []
            yield EntryFacts(
                key=f"cache/{stage}/{name}",
                places=frozenset(_places(refs)),
                created=entry.created if entry else 0,
                whole=entry is not None and all(_is_whole(ref, files) for ref in refs),
            )


def open_registry(config: settings.Settings) -> Registry | None:
    """The registry, or None before anything was registered on this machine. Imports MLflow."""
    database = config.local_root / "registry" / "mlflow.db"
    if "MLFLOW_TRACKING_URI" not in os.environ and not database.is_file():
        return None
    from .registry import Registry

    return Registry(config.register.model_name, config.local_root)


def versions(registry: Registry, store: Store) -> Iterator[VersionFacts]:
    """What the registry says of the models whose weights are in this store.

    A server may be shared; this model's versions count without their weights, too.
    """
    files = {item.key: item for item in store.files("runs")}
    for version in registry.all_versions():
        whole = _is_whole(version.model, files)
        if whole or version.name == registry.name:
            yield VersionFacts(
                model=version.name,
                number=version.number,
                place=next(_places([version.model]), None),
                whole=whole,
                pruned=version.pruned,
                held=version.held,
            )
