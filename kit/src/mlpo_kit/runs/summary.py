"""Derive a run's summary from its records; keep the newest one in `runs/latest.json`."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from mlpo_kit.runs.pipeline import Pipeline
from mlpo_kit.runs.records import (
    ENDED,
    SCHEMA_VERSION,
    Record,
    find_newest_run,
    is_of_older_project,
    read_records,
    read_trials,
    write_record,
)
from mlpo_kit.runs.usage import add_gpu_seconds, find_warnings
from mlpo_kit.store.base import Store

LATEST = "runs/latest.json"


def summarize(store: Store, pipeline: Pipeline, run_id: str) -> dict[str, Any]:
    """Summarize a run that has records: the same document for every orchestrator."""
    records = read_records(store, run_id)
    trials = read_trials(store, run_id)  # the training stage's record repeats one of them
    work = [
        *trials,
        *(r for r in records.values() if not trials or r.stage != pipeline.training_stage),
    ]
    highlights = pipeline.highlights
    model = _find_output(records, highlights.model)
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "orchestrator": list(records.values())[-1].orchestrator,
        "status": find_status(records),
        "started": _format_time(min(record.started for record in records.values())),
        "dataset": {"version": _find_output(records, highlights.dataset)},
        "model": {
            "digest": model.sha256 if model else None,
            "version": _find_output(records, highlights.version),
            "alias": _find_output(records, highlights.alias),
        },
        "metrics": find_metrics(records, pipeline),
        "device": _find_output(records, highlights.device),
        "gpu_seconds": add_gpu_seconds(work),
        "warnings": find_warnings(work, pipeline.training_stage),
        "stages": [
            _describe_stage(name, records.get(name)) for name in _list_stages(records, pipeline)
        ],
    }


def find_status(records: dict[str, Record]) -> str:
    """Find a run's status: the state of its decisive stage, completed or incomplete.

    Failures take precedence, then running stages, then a refusal. A run that ended between two
    stages is incomplete.
    """
    states = [record.state for record in records.values()]
    failures = [state for state in states if state != "running" and state not in ENDED]
    for state in (*failures, "running", "refused"):
        if state in states:
            return state
    stages = next((record.stages for record in records.values()), ())
    return "completed" if set(stages) <= records.keys() else "incomplete"


def find_metrics(records: dict[str, Record], pipeline: Pipeline) -> dict[str, float]:
    """Find the metrics of a run: the group of values that contains the gate's metric."""
    if pipeline.gate is None:
        return {}
    stage, _, path = pipeline.gate.metric.partition(".")
    group, _, name = path.rpartition(".")
    record = records.get(stage)
    if record is None or (group or name) not in record.values:
        return {}
    value = record.values[group or name]
    return dict(value) if group else {name: value}


def save_record(store: Store, pipeline: Pipeline, record: Record) -> None:
    """Write a record, and update `runs/latest.json` if its run is the newest."""
    write_record(store, record)
    # A run that starts a stage is the newest; later it is unless another run has started since.
    if record.state == "running" or read_latest_id(store) == record.run_id:
        store.write_json(LATEST, summarize(store, pipeline, record.run_id))


def read_latest_id(store: Store) -> str | None:
    """Read the id of the run in `runs/latest.json`; None without a readable file."""
    try:
        return str(store.read_json(LATEST)["run_id"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def refresh_latest(store: Store, pipeline: Pipeline) -> dict[str, Any] | None:
    """Write `runs/latest.json` again from the records of the newest run, and return it.

    If there is no run, the file is deleted unless an older project wrote it. On a full disk the
    file stays as it is.
    """
    run_id = find_newest_run(store)
    if run_id is None:
        latest = read_latest_id(store)
        if latest is None or not is_of_older_project(store, latest):
            store.delete([LATEST])
        return None
    summary = summarize(store, pipeline, run_id)
    with suppress(OSError):  # it can be derived again, and to show it needs no disk
        store.write_json(LATEST, summary)
    return summary


def _list_stages(records: dict[str, Record], pipeline: Pipeline) -> tuple[str, ...]:
    """List the stages of the pipeline as it was when the run started."""
    return next((record.stages for record in records.values()), pipeline.names)


def _find_output(records: dict[str, Record], place: str) -> Any:
    """Find the value or reference of `<stage>.<output>`; None if the run does not have it."""
    stage, _, name = place.partition(".")
    record = records.get(stage)
    return None if record is None else record.values.get(name, record.outputs.get(name))


def _describe_stage(name: str, record: Record | None) -> dict[str, Any]:
    return {
        "name": name,
        "status": record.state if record else "not run",
        "cache": record.cache if record else "off",
        "reason": _find_reason(record) if record else None,
        "seconds": record.seconds if record else None,
    }


def _find_reason(record: Record) -> str | None:
    if record.taken_from is not None:
        return f"taken over from run {record.taken_from}"
    return record.reason or record.cache_reason


def _format_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
