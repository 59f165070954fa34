"""The records in an exported file: check them, and turn them into those of an imported run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlpo_kit.handover.archive import Archive, is_safe_name, make_altered_error
from mlpo_kit.handover.manifest import RECORDS, SNAPSHOT, START, SWEEP, ExportedVersion
from mlpo_kit.runs.pipeline import Pipeline
from mlpo_kit.runs.records import Record, locate_sweep, parse_record, write_record
from mlpo_kit.store import Ref, Store

NOT_HERE = "where the run took place"  # the note of a stage that did nothing in this project


@dataclass(frozen=True)
class ExportedRecords:
    """The records of a run, and the documents of the run as a whole."""

    records: Mapping[str, Record]  # by stage or trial
    start: dict[str, Any] | None  # what the run started from
    sweep: dict[str, Any] | None
    snapshot: bytes | None  # its source code, as a zip file

    @property
    def orchestrator(self) -> str:
        """The orchestrator of the run."""
        return next(iter(self.records.values())).orchestrator


def read_exported_records(exported: ExportedVersion) -> ExportedRecords:
    """Read and check the records in a verified file; raises PipelineError if they are not sound."""
    archive = exported.archive
    members = archive.manifest["members"]
    records = dict(_parse(archive, name) for name in archive.list_members(RECORDS))
    if not records:
        raise make_altered_error(archive.path, "it has no records")
    start = archive.read_json(START) if START in members else None
    sweep = archive.read_json(SWEEP) if SWEEP in members else None
    for name, document in ((START, start), (SWEEP, sweep)):
        if not isinstance(document, (dict, type(None))):
            raise make_altered_error(archive.path, f"{name} is not a document")
    snapshot = archive.read(SNAPSHOT) if SNAPSHOT in members else None
    if snapshot is not None and (start or {}).get("snapshot") != exported.get_sha256(SNAPSHOT):
        raise make_altered_error(archive.path, f"{START} names another {SNAPSHOT}")
    return ExportedRecords(records, start, sweep, snapshot)


def write_records(
    store: Store, run_id: str, exported: ExportedVersion, found: ExportedRecords
) -> None:
    """Write the records for the imported run, with the references of its payloads in this store."""
    refs = {name: exported.make_ref(name, run_id) for name in exported.payloads}

    def localize(named: Mapping[str, Ref]) -> dict[str, Ref]:
        return {name: _find_here(ref, refs) for name, ref in named.items()}

    if found.snapshot is not None:
        store.write(f"snapshots/{exported.get_sha256(SNAPSHOT)}.zip", found.snapshot)
    if found.start is not None:
        store.write_json(f"runs/{run_id}/{START}", {**found.start, "run_id": run_id})
    if found.sweep is not None:
        store.write_json(locate_sweep(run_id), found.sweep)
    for record in found.records.values():
        inputs, outputs = localize(record.inputs), localize(record.outputs)
        write_record(store, replace(record, run_id=run_id, inputs=inputs, outputs=outputs))


def name_version(
    store: Store, pipeline: Pipeline, records: Mapping[str, Record], number: int
) -> None:
    """Write this registry's number into the record of the stage that registered the version.

    What the stage that deployed it returned is not true here, and is left out.
    """
    stage, _, output = pipeline.highlights.version.partition(".")
    if stage in records:
        values = {**records[stage].values, output: number}
        write_record(store, replace(records[stage], values=values))
    stage = pipeline.highlights.alias.partition(".")[0]
    if stage in records:
        write_record(store, replace(records[stage], values={}, reason=NOT_HERE))


def _parse(archive: Archive, member: str) -> tuple[str, Record]:
    """Parse a record; returns it with the name of its stage or trial."""
    name = member.removeprefix(f"{RECORDS}/").removesuffix(".json")
    try:
        record = parse_record(archive.read_json(member))
        refs = (*record.inputs.values(), *record.outputs.values())
        parts = [part for ref in refs for part in ref.key.split("/")]
        is_sound = record.stage == name and all(map(is_safe_name, (*record.stages, *parts)))
    except (ValueError, TypeError, KeyError, AttributeError):
        is_sound = False
    if not is_sound:
        raise make_altered_error(archive.path, f"{member} is no record")
    return name, record


def _find_here(ref: Ref, refs: Mapping[str, Ref]) -> Ref:
    """Find the reference of the same payload in this store; a payload left out keeps its own."""
    for here in refs.values():
        if (here.sha256, here.key.split("/")[-2:]) == (ref.sha256, ref.key.split("/")[-2:]):
            return here
    return ref
