"""Export a version of the model: its weights, its lineage and its report, as one file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mlpo_kit.caching.key import find_kit_version
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import IntegrityError, PipelineError
from mlpo_kit.handover.archive import write_archive
from mlpo_kit.handover.manifest import FILES, PAGE, RECORDS, SNAPSHOT, START, SWEEP, Manifest
from mlpo_kit.models.champion import CHAMPION
from mlpo_kit.models.choosing import (
    find_run_of_version,
    find_version,
    is_number,
    open_weights,
)
from mlpo_kit.models.registry import Version
from mlpo_kit.reports.page import build_report_or_reason
from mlpo_kit.runs.identify import find_run
from mlpo_kit.runs.imports import read_import
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline
from mlpo_kit.runs.records import Record, locate_sweep, read_record, read_records
from mlpo_kit.runs.summary import find_metrics, find_status
from mlpo_kit.store import Ref, Store, open_store
from mlpo_kit.store.files import hash_file, to_json

Members = dict[str, bytes | Path]


@dataclass(frozen=True)
class Exported:
    """A version, and the file that holds it now."""

    path: Path
    sha256: str
    size: int  # bytes
    version: Version
    run_id: str  # the run whose records the file holds


def export_version(settings: BaseSettings, which: str, target: Path | None = None) -> Exported:
    """Write a version to one file; an unchanged version gives the same bytes again.

    which: `champion`, the number of a version, or the run that registered it
    target: the file or its folder (default: `<model>-<version>.zip` in the working folder)

    Raises PipelineError if there is no such version, its weights or records are gone, or another
    file is there already.
    """
    store, pipeline = open_store(settings), load_pipeline()
    version = find_version(settings, which)
    by_run = which != CHAMPION and not is_number(settings, which)
    run_id = find_run(store, which) if by_run else find_run_of_version(store, version)
    records = read_records(store, run_id)
    if find_status(records) == "running":
        raise PipelineError(f"run {run_id} is still running: export it when it has ended")

    model = _find_weights(run_id, records, version)
    history = _find_history(pipeline, records)
    members: Members = {_name_member(model): open_weights(store, version)}
    for ref in _list_lineage(pipeline, records):
        with suppress(IntegrityError):  # retention may have deleted it
            members.setdefault(_name_member(ref), store.open(ref))
    has_history = history is not None and _name_member(history) in members
    source = read_import(store, run_id)
    manifest = Manifest(
        package=find_project().package,
        predictor=pipeline.predictor,
        model_name=version.name,
        run_id=source.run_id if source else run_id,
        version=version.number,
        metric=version.metric,
        metrics={**find_metrics(records, pipeline), version.metric: version.value},
        dataset_version=version.dataset_version,
        model=_name_member(model),
        history=_name_member(history) if history is not None and has_history else None,
        kit=find_kit_version(),
    )
    members |= _read_records(store, run_id)
    members[PAGE] = build_report_or_reason(store, run_id).encode()

    path = target or Path()
    path = path / f"{version.name}-{version.number}.zip" if path.is_dir() else path
    write_archive(path, asdict(manifest), members)
    return Exported(path, hash_file(path), path.stat().st_size, version, run_id)


def _find_weights(run_id: str, records: Mapping[str, Record], version: Version) -> Ref:
    """Find under which reference a run's records name the weights of a version."""
    for record in records.values():
        for ref in record.outputs.values():
            if ref.sha256 == version.model.sha256:
                return ref
    raise PipelineError(
        f"the records of run {run_id} do not name the weights of version {version.number}: its "
        "lineage is not complete"
    )


def _find_history(pipeline: Pipeline, records: Mapping[str, Record]) -> Ref | None:
    """Find the reference of the history of the training; None if there is none."""
    record = records.get(pipeline.training_stage)
    return record.outputs.get("history") if record else None


def _list_lineage(pipeline: Pipeline, records: Mapping[str, Record]) -> list[Ref]:
    """List what belongs to a version besides its weights: what the registering stage took.

    In a generated project this is the history of the training and the report of the evaluation.
    """
    record = records.get(pipeline.highlights.version.partition(".")[0])
    history = _find_history(pipeline, records)
    return [*(record.inputs.values() if record else ()), *([history] if history else [])]


def _name_member(ref: Ref) -> str:
    """Name the member for a payload: its stage and its file, without the run."""
    return "/".join((FILES, *ref.key.split("/")[-2:]))


def _read_records(store: Store, run_id: str) -> Members:
    """Read the records of a run's stages and trials, and what it started from."""
    members: Members = {}
    names = [name for name in store.children(f"runs/{run_id}") if name.endswith(".json")]
    for name in names:
        record = read_record(store, run_id, name.removesuffix(".json"))
        if record is not None:
            members[f"{RECORDS}/{name}"] = to_json(asdict(record)).encode()
    for member, key in ((START, f"runs/{run_id}/{START}"), (SWEEP, locate_sweep(run_id))):
        with suppress(FileNotFoundError, ValueError, AttributeError):
            members[member] = to_json(store.read_json(key)).encode()
            if member == START and (snapshot := store.read_json(key).get("snapshot")):
                members[SNAPSHOT] = store.read(f"snapshots/{snapshot}.zip")
    return members
