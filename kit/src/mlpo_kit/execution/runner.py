"""Run one stage, or reuse the result of an earlier run, and record it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic_core import to_jsonable_python

from mlpo_kit.caching import entries
from mlpo_kit.caching.entries import Entry
from mlpo_kit.caching.key import Parts, hash_parts, hash_project_code, was_edited
from mlpo_kit.config.settings import check_registry_is_shared
from mlpo_kit.errors import IntegrityError, PipelineError
from mlpo_kit.execution.lookup import collect_stage_parts, look_up
from mlpo_kit.execution.observers import Observer
from mlpo_kit.execution.results import make_result, split_result
from mlpo_kit.execution.states import describe_error, explain_error
from mlpo_kit.execution.tracking import track_run, wait_for_end
from mlpo_kit.runs.copies import hold_copy
from mlpo_kit.runs.gate import Verdict
from mlpo_kit.runs.pipeline import Stage
from mlpo_kit.runs.progress import store_progress
from mlpo_kit.runs.records import (
    Record,
    is_of_older_project,
    read_record,
    read_records,
    take_over,
)
from mlpo_kit.runs.start import read_start, write_start
from mlpo_kit.runs.summary import find_status, save_record
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.store import Ref, Store
from mlpo_kit.store.full_disk import explain_full_disk

R = TypeVar("R")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hit(Generic[R]):
    """A reused result, and the run or trial that did the work."""

    result: R
    origin: str


def run_stage(run: Run, stage: Stage[R], *, observers: Sequence[Observer] = (), **inputs: Any) -> R:
    """Run a stage with its settings section and inputs, record it, and return its result.

    Reuses the result of an earlier run if code, settings, inputs and packages are the same. Then
    functions among the inputs (callbacks) are not called. A result whose `verdict` is a refusal is
    recorded as refused. Any exception of the stage is recorded, then raised again.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    check_registry_is_shared(run.settings)
    try:
        return _run_stage(run, stage, observers, inputs)
    except OSError as error:
        if (explained := explain_error(error, run.settings.local_root)) is error:
            raise
        raise explained from error


def _run_stage(
    run: Run, stage: Stage[R], observers: Sequence[Observer], inputs: dict[str, Any]
) -> R:
    with run.store.stage_lock(run.id, stage.record_name), hold_copy():
        is_first = bool(observers) and not read_records(run.store, run.id)
        record = _start(run, stage, inputs)
        try:
            for observer in observers if is_first else ():
                observer.run_started(run)
            lookup = look_up(run, stage, inputs)
            record = replace(record, cache=lookup.state, cache_reason=lookup.reason, key=lookup.key)
            if lookup.entry is not None:
                result, record = _reuse(record, stage, lookup.entry)
                save_record(run.store, run.pipeline, record)
            else:
                save_record(run.store, run.pipeline, record)
                result, record = _perform(run, stage, record, inputs)
                save_record(run.store, run.pipeline, record)
                if lookup.parts is not None and record.is_success:
                    _save_entry(run, stage, inputs, lookup.parts, record)
                Workspace(run, stage.record_name, record.key).drop_checkpoints()
        except BaseException as error:
            explained = explain_error(error, run.settings.local_root)
            record = replace(record, **describe_error(explained), ended=time.time(), values={})
            _save_failure(run, record)
            store_progress(run.store, run.id, stage.record_name)
            _notify_ended(observers, run, record)
            if explained is error:
                raise
            raise explained from error
        store_progress(run.store, run.id, stage.record_name)
        _notify_ended(observers, run, record)
    return result


def _save_failure(run: Run, record: Record) -> None:
    """Save the record of a failed stage; on a full disk, delete what the stage wrote first."""
    try:
        return save_record(run.store, run.pipeline, record)
    except OSError as full:
        if explain_full_disk(full, run.settings.local_root) is None:
            raise
    run.store.delete_tree(Workspace(run, record.stage).folder)
    try:
        save_record(run.store, run.pipeline, record)
    except OSError as error:
        log.warning("%s: the record of its end can't be written: %s", record.stage, error)


def _notify_ended(observers: Sequence[Observer], run: Run, record: Record) -> None:
    """Notify observers that a stage has ended, and the run if no stage is left."""
    wait_for_end(run)
    for observer in observers:
        observer.stage_ended(run, record)
    if observers:
        status = find_status(read_records(run.store, run.id))
        for observer in observers if status not in ("running", "incomplete") else ():
            observer.run_ended(run, status)


def _perform(run: Run, stage: Stage[R], record: Record, inputs: dict[str, Any]) -> tuple[R, Record]:
    """Call the stage's function; returns its result and the completed record."""
    work = Workspace(run, stage.record_name, record.key)
    result = stage.load()(getattr(run.settings, stage.name), work, **inputs)
    outputs, values = split_result(result)
    verdict: Verdict | None = getattr(result, "verdict", None)
    refusal = None if verdict is None else verdict.reason
    return result, replace(
        record,
        state="refused" if refusal else "completed",
        reason=refusal,
        ended=time.time(),
        outputs=outputs,
        values=values,
    )


def reuse_result(run: Run, stage: Stage[R], **inputs: Any) -> Hit[R] | None:
    """Reuse the result of an earlier run and record it for this run; None if there is none.

    Never runs the stage: use it to check the cache before requesting a GPU for the stage.
    """
    lookup = look_up(run, stage, inputs)
    if lookup.entry is None:
        return None
    with run.store.stage_lock(run.id, stage.record_name):
        record = replace(
            _start(run, stage, inputs),
            cache=lookup.state,
            cache_reason=lookup.reason,
            key=lookup.key,
        )
        result, record = _reuse(record, stage, lookup.entry)
        save_record(run.store, run.pipeline, record)
    return Hit(result, lookup.entry.origin)


def read_result(store: Store, stage: Stage[R], run_id: str) -> R:
    """Read the result of a stage from the records of a run.

    Raises IntegrityError if there is no result or a payload is missing or changed.
    """
    record = read_record(store, run_id, stage.record_name)
    if record is None or not record.is_success:
        raise IntegrityError(f"there is no result of {stage.record_name} in run {run_id}")
    for ref in record.outputs.values():
        store.check(ref)
    return make_result(stage, record.outputs, record.values)


def _start(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> Record:
    """Record that a stage starts now.

    This happens under the store's guard: pruning has either finished or will see this run.
    """
    store, pipeline = run.store, run.pipeline
    with store.guard():
        if run.resumes is not None:
            if is_of_older_project(store, run.resumes):
                raise PipelineError(
                    f"run {run.resumes} was recorded by an older project and can't be resumed: "
                    "start a new run"
                )
            earlier = pipeline.names[: pipeline.names.index(stage.name)]
            take_over(store, run.resumes, run.id, earlier, pipeline.training_stage)
        if read_start(store, run.id) is None:
            write_start(run)
        previous = read_record(store, run.id, stage.record_name)
        record = Record(
            run_id=run.id,
            orchestrator=run.orchestrator,
            stage=stage.record_name,
            stages=pipeline.names,
            state="running",
            started=time.time(),
            code=hash_project_code(),
            attempt=previous.attempt + 1 if previous else 1,
            settings=to_jsonable_python(getattr(run.settings, stage.name)),
            inputs={name: value for name, value in inputs.items() if isinstance(value, Ref)},
        )
        save_record(store, pipeline, record)
    track_run(run)
    return record


def _reuse(record: Record, stage: Stage[R], entry: Entry) -> tuple[R, Record]:
    """Return the result in an entry, and the record that says it was reused."""
    log.info("%s: %s", stage.record_name, record.cache_reason)
    return make_result(stage, entry.outputs, entry.values), replace(
        record,
        state="reused",
        ended=time.time(),
        outputs=entry.outputs,
        values=entry.values,
    )


def _save_entry(
    run: Run, stage: Stage[Any], inputs: dict[str, Any], parts: Parts, record: Record
) -> None:
    """Save a result for later runs, unless something it depends on changed during the run."""
    if was_edited(stage.module) or collect_stage_parts(run, stage, inputs) != parts:
        log.info("%s: not saved for later runs: something changed while it ran", stage.record_name)
        return
    place = None if stage.record_name == stage.name else stage.record_name
    entry = Entry(
        stage=stage.name,
        key=hash_parts(parts),
        parts=parts,
        run_id=run.id,
        created=time.time(),
        outputs=record.outputs,
        values=record.values,
        place=place,
    )
    entries.save_entry(run.store, entry)
