"""What there is to keep or to delete: the facts that the retention policy looks at.

Managed by mlpo.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator

from .. import settings
from . import cache, records
from .retention import EntryFacts, Facts, Place, RunFacts, VersionFacts
from .store import Item, Ref, Store


def mark_key(run_id: str) -> str:
    """The file that marks a run to be kept."""
    return f"runs/{run_id}/keep"


def gather(store: Store) -> Facts:
    """What the store says of runs, cache entries and checkpoints; the registry is not asked."""
    files = {item.key: item for item in store.files("runs")}
    by_run: dict[str, list[Item]] = defaultdict(list)
    for item in files.values():
        if item.key.count("/") > 1:
            by_run[item.key.split("/")[1]].append(item)
    return Facts(
        runs=[_run(store, run_id, items) for run_id, items in sorted(by_run.items())],
        entries=list(_entries(store, files)),
        checkpoints=dict(_checkpoints(store)),
    )


def _run(store: Store, run_id: str, items: list[Item]) -> RunFacts:
    sizes: dict[str, int] = defaultdict(int)
    for item in items:
        _, _, stage, *file = item.key.split("/")
        if file:
            sizes[stage] += item.size
    found = records.read_all(store, run_id)
    starts = [record.started for record in found.values()]
    ends = [record.ended for record in found.values() if record.ended]
    refs = [
        ref
        for record in found.values()
        for ref in (*record.inputs.values(), *record.outputs.values())
    ]
    written = max(item.modified for item in items)
    return RunFacts(
        id=run_id,
        status=records.run_status(found) if found else "lost",
        started=min(starts, default=written),
        last_sign=max([*starts, *ends], default=written),
        sizes=dict(sizes),
        reaches=frozenset(_place(ref) for ref in refs),
        marked=any(item.key == mark_key(run_id) for item in items),
    )


def _place(ref: Ref) -> Place:
    _, run_id, stage, *_ = ref.key.split("/")
    return run_id, stage


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
                places=frozenset(_place(ref) for ref in refs),
                created=entry.created if entry else 0,
                whole=all(_is_whole(ref, files) for ref in refs),
            )


def _checkpoints(store: Store) -> Iterator[tuple[str, float]]:
    for name in store.children("checkpoints"):
        times = [item.modified for item in store.files(f"checkpoints/{name}")]
        yield f"checkpoints/{name}", max(times, default=0)


def versions(config: settings.Settings) -> Iterator[VersionFacts]:
    """What the registry says of the models; imports MLflow, where there is a registry."""
    database = config.local_root / "registry" / "mlflow.db"
    if "MLFLOW_TRACKING_URI" not in os.environ and not database.is_file():
        return
    from .registry import Registry

    files = {item.key: item for item in config.store.files("runs")}
    ours = config.register.model_name
    for version in Registry(ours, config.local_root).all_versions():
        yield VersionFacts(
            model=version.name,
            number=version.number,
            place=_place(version.model),
            whole=version.name != ours or _is_whole(version.model, files),
            pruned=version.pruned,
            held=version.held,
        )
