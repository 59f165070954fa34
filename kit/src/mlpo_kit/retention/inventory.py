"""Gather the facts for the retention policy from a store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from mlpo_kit.caching.entries import SCHEMA_VERSION, read_entries
from mlpo_kit.execution.tracking import UNSENT
from mlpo_kit.retention.facts import EntryFacts, Facts, OlderRun, Place, RunFacts
from mlpo_kit.retention.marks import Tombstones, locate_mark, read_tombstones
from mlpo_kit.retention.older import are_older_checkpoints, find_named_runs, has_older_records
from mlpo_kit.runs.imports import locate_import, read_import
from mlpo_kit.runs.records import Record, arrange_records, find_trials, read_all
from mlpo_kit.runs.start import locate_start
from mlpo_kit.runs.summary import find_status
from mlpo_kit.store import Item, Ref, Store

Files = Mapping[str, Item]
SNAPSHOTS = "snapshots"


def gather_facts(store: Store) -> Facts:
    """Gather the facts about the store's runs, cache entries, checkpoints, snapshots and marks.

    Runs of older projects are listed separately. The registry is not read: `gather_versions` does
    that.
    """
    snapshots = {item.key: item.modified for item in store.files(SNAPSHOTS)}
    files = {item.key: item for item in store.files("runs")}
    tombstones = read_tombstones(store)
    by_run: dict[str, list[Item]] = {run_id: [] for run_id in tombstones}
    for item in files.values():
        if item.key.count("/") > 1:
            by_run.setdefault(item.key.split("/")[1], []).append(item)
    records = {run_id: _read_records(store, run_id) for run_id, items in by_run.items() if items}
    older = _find_older_runs(store, by_run, records)
    written, sizes = _measure_checkpoints(store, older)
    return Facts(
        runs=[
            replace(
                _describe_run(store, run_id, items, records.get(run_id, {}), tombstones),
                snapshot=find_snapshot(store, run_id) if snapshots and items else "",
            )
            for run_id, items in sorted(by_run.items())
            if run_id not in older
        ],
        entries=list(_list_entries(store, files)),
        checkpoints=written,
        checkpoint_sizes=sizes,
        snapshots=snapshots,
        unsent={PurePosixPath(item.key).stem: item.modified for item in store.files(UNSENT)},
        older=[_describe_older(run_id, by_run[run_id]) for run_id in sorted(older)],
    )


def find_snapshot(store: Store, run_id: str) -> str:
    """Find the key of the snapshot that a run started from; empty if no file says so."""
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError):
        if name := store.read_json(locate_start(run_id))["snapshot"]:
            return f"{SNAPSHOTS}/{name}.zip"
    return ""


def find_places(refs: Iterable[Ref]) -> Iterator[Place]:
    """Find the places that contain the payloads of these references."""
    for ref in refs:
        kind, _, rest = ref.key.partition("/")
        run_id, _, path = rest.partition("/")
        if kind == "runs" and path:
            yield run_id, path.partition("/")[0]


def is_whole(ref: Ref, files: Files) -> bool:
    """Whether the payload exists and has the right size. Its hash is checked when it is used."""
    return ref.key in files and files[ref.key].size == ref.size


def _read_records(store: Store, run_id: str) -> dict[str, Record]:
    """Read the records of a run's stages and trials, by name."""
    records = read_all(store, run_id)
    return {**{trial.stage: trial for trial in find_trials(records)}, **arrange_records(records)}


def _find_older_runs(
    store: Store, by_run: Mapping[str, list[Item]], records: Mapping[str, Mapping[str, Record]]
) -> set[str]:
    """Find the runs that an older project wrote.

    Their records say so, or they have no readable records and another older run's record names
    them.
    """
    older = {
        run_id
        for run_id, items in by_run.items()
        if has_older_records(
            store, run_id, [item.key for item in items], {*records.get(run_id, ())}
        )
    }
    named = find_named_runs(store, older)
    return older | {run_id for run_id in named if by_run.get(run_id) and not records[run_id]}


def _describe_run(
    store: Store,
    run_id: str,
    items: list[Item],
    records: Mapping[str, Record],
    tombstones: Tombstones,
) -> RunFacts:
    times = [record.ended or record.started for record in records.values()]
    times = times or [item.modified for item in items] or [tombstones[run_id]["pruned"]]
    is_imported = any(item.key == locate_import(run_id) for item in items)
    source = read_import(store, run_id) if is_imported else None
    if source is not None:  # its age counts from the import
        times.append(source.imported)
    sizes = _measure_places(items)
    is_starting = not sizes and any(item.key == locate_start(run_id) for item in items)
    refs = [ref for r in records.values() for ref in (*r.inputs.values(), *r.outputs.values())]
    status = _find_status(records, max(times), tombstones.get(run_id), is_starting)
    return RunFacts(
        id=run_id,
        status="failed" if source and status == "incomplete" else status,  # it never goes on here
        last_sign=max(times),
        sizes=sizes,
        reaches=frozenset(find_places(refs)),
        marked=any(item.key == locate_mark(run_id) for item in items),
    )


def _describe_older(run_id: str, items: list[Item]) -> OlderRun:
    size = sum(item.size for item in items)
    return OlderRun(run_id, size, max(item.modified for item in items))


def _measure_places(items: Iterable[Item]) -> dict[str, int]:
    """Measure each place of a run, by stage."""
    sizes: dict[str, int] = defaultdict(int)
    for item in items:
        _, _, stage, *file = item.key.split("/")
        if file:
            sizes[stage] += item.size
    return dict(sizes)


def _find_status(
    records: Mapping[str, Record],
    last_sign: float,
    tombstone: dict[str, Any] | None,
    is_starting: bool,
) -> str:
    """Find a run's status. A pruned run stays pruned, unless it was started again since."""
    stages = {name: record for name, record in records.items() if name in record.stages}
    if any(record.state == "running" for record in stages.values()):
        return "running"
    if tombstone and (not stages or last_sign <= tombstone["pruned"]):
        return "pruned"
    if stages:
        return find_status(stages)
    return "starting" if is_starting else "lost"


def _measure_checkpoints(
    store: Store, older: Collection[str]
) -> tuple[dict[str, float], dict[str, int]]:
    """Return the last write and the size of each folder of checkpoints, by folder.

    Leaves out the folders of older projects.
    """
    by_folder: dict[str, list[Item]] = defaultdict(list)
    for item in store.files("checkpoints"):
        by_folder["/".join(item.key.split("/")[:2])].append(item)
    written: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for folder, items in by_folder.items():
        names = [item.key.rpartition("/")[2] for item in items]
        if not are_older_checkpoints(store, folder, names, older):
            written[folder] = max(item.modified for item in items)
            sizes[folder] = sum(item.size for item in items)
    return written, sizes


def _list_entries(store: Store, files: Files) -> Iterator[EntryFacts]:
    """List the cache entries, without those of older projects.

    An entry that can't be read counts as one whose outputs are missing.
    """
    for stage in store.children("cache"):
        readable = {f"cache/{stage}/{e.key}.json": e for e in read_entries(store, stage)}
        for name in store.children(f"cache/{stage}"):
            entry = readable.get(f"cache/{stage}/{name}")
            if entry is not None and entry.schema_version != SCHEMA_VERSION:
                continue
            refs = list(entry.outputs.values()) if entry else []
            yield EntryFacts(
                key=f"cache/{stage}/{name}",
                places=frozenset(find_places(refs)),
                created=entry.created if entry else 0,
                whole=entry is not None and all(is_whole(ref, files) for ref in refs),
            )
