"""A run's summary, derived from its records, and `runs/latest.json`, which holds the newest."""

from __future__ import annotations

import time
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
    """Summarize a run that has a record: the same document whichever orchestrator ran it."""
    records = read_records(store, run_id)
    trials = read_trials(store, run_id)  # one of which the stage that learns tells of
    worked = [
        *trials,
        *(r for r in records.values() if not trials or r.stage != pipeline.training_stage),
    ]
    shown = pipeline.highlights
    model = _find_output(records, shown.model)
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "orchestrator": list(records.values())[-1].orchestrator,
        "status": find_status(records),
        "started": _format_time(min(record.started for record in records.values())),
        "dataset": {"version": _find_output(records, shown.dataset)},
        "model": {
            "digest": model.sha256 if model else None,
            "version": _find_output(records, shown.version),
            "alias": _find_output(records, shown.alias),
        },
        "metrics": find_metrics(records, pipeline),
        "device": _find_output(records, shown.device),
        "gpu_seconds": add_gpu_seconds(worked),
        "warnings": find_warnings(worked, pipeline.training_stage),
        "stages": [_describe_stage(name, records.get(name)) for name in _names(records, pipeline)],
    }


def find_status(records: dict[str, Record]) -> str:
    """Find how a run stands: the state that decides, or incomplete where it ended between stages.

    What went wrong decides, then what still runs, then a refusal.
    """
    states = [record.state for record in records.values()]
    wrong = [state for state in states if state != "running" and state not in ENDED]
    for state in (*wrong, "running", "refused"):
        if state in states:
            return state
    stages = next((record.stages for record in records.values()), ())
    return "completed" if set(stages) <= records.keys() else "incomplete"


def find_metrics(records: dict[str, Record], pipeline: Pipeline) -> dict[str, float]:
    """Find the metrics of a run: the group of values that the gate's metric is in."""
    if pipeline.gate is None:
        return {}
    stage, _, path = pipeline.gate.metric.partition(".")
    group, _, name = path.rpartition(".")
    record = records.get(stage)
    if record is None or (group or name) not in record.values:
        return {}
    found = record.values[group or name]
    return dict(found) if group else {name: found}


def save_record(store: Store, pipeline: Pipeline, record: Record) -> None:
    """Write a record, and `runs/latest.json` where its run is the newest."""
    write_record(store, record)
    # Who starts now is the newest; who ends is it unless another has started meanwhile.
    if record.state == "running" or read_latest_id(store) == record.run_id:
        store.write_json(LATEST, summarize(store, pipeline, record.run_id))


def read_latest_id(store: Store) -> str | None:
    """Read which run `runs/latest.json` tells of."""
    try:
        return str(store.read_json(LATEST)["run_id"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def refresh_latest(store: Store, pipeline: Pipeline) -> dict[str, Any] | None:
    """Derive `runs/latest.json` from the newest run's records and return it.

    Without a run it is removed, unless an older project wrote it.
    """
    run_id = find_newest_run(store)
    if run_id is None:
        latest = read_latest_id(store)
        if latest is None or not is_of_older_project(store, latest):
            store.delete([LATEST])
        return None
    summary = summarize(store, pipeline, run_id)
    store.write_json(LATEST, summary)
    return summary


def _names(records: dict[str, Record], pipeline: Pipeline) -> tuple[str, ...]:
    """The stages of the pipeline as it was when the run began."""
    return next((record.stages for record in records.values()), pipeline.names)


def _find_output(records: dict[str, Record], place: str) -> Any:
    """The value or reference of `<stage>.<output>`; None where the run has none."""
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
