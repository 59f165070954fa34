"""What MLflow must say about a run and its trials, derived from their records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpo_kit.config.documents import flatten
from mlpo_kit.errors import IntegrityError
from mlpo_kit.runs.pipeline import Pipeline
from mlpo_kit.runs.progress import Epoch, parse_epoch, read_progress
from mlpo_kit.runs.records import Record, read_record, read_records, read_trials
from mlpo_kit.runs.start import Start, read_start
from mlpo_kit.runs.summary import find_status, summarize
from mlpo_kit.runs.usage import add_gpu_seconds, find_usage
from mlpo_kit.store.base import Store

# The status of an MLflow run for each state; other states are RUNNING while the run goes on.
STATUSES = {
    "completed": "FINISHED",
    "reused": "FINISHED",
    "refused": "FINISHED",
    "failed": "FAILED",
    "out of memory": "FAILED",
    "killed": "KILLED",
    "interrupted": "KILLED",
    "preempted": "KILLED",
    "stopped": "KILLED",
}
RUN, STAGE = "mlpo.run", "mlpo.stage"  # the tags by which an MLflow run is found again
STATUS, REASON = "mlpo.status", "mlpo.reason"
PARENT = "mlflow.parentRunId"
TEXT_LIMIT = 5000  # characters of a tag or parameter


@dataclass(frozen=True)
class TrackedRun:
    """What MLflow must say about a run, or about a trial of it. Times are epoch seconds."""

    trial: str  # the name of the trial; empty for the run itself
    name: str
    status: str  # of MLflow: RUNNING, FINISHED, FAILED or KILLED
    started: float
    ended: float | None
    tags: dict[str, str]
    params: dict[str, str]
    epochs: dict[str, list[Epoch]] = field(default_factory=dict)  # by the prefix of their metrics
    results: dict[str, float] = field(default_factory=dict)  # metrics of the whole


def collect_runs(
    store: Store, pipeline: Pipeline, run_id: str, is_over: bool = False
) -> list[TrackedRun]:
    """Collect what MLflow must say about a run, and then about each of its trials.

    `is_over` says that no stage will start any more. Returns an empty list if there are no records.
    """
    records, trials = read_records(store, run_id), read_trials(store, run_id)
    if not records and not trials:
        return []
    start = read_start(store, run_id)
    return [
        _describe_run(store, pipeline, records, trials, start, is_over),
        *(_describe_trial(store, pipeline, trial, start) for trial in trials),
    ]


def has_ended(records: Mapping[str, Record], trials: Iterable[Record]) -> bool:
    """Whether a run has an outcome, and nothing of it runs."""
    is_running = any(record.state == "running" for record in (*records.values(), *trials))
    return not is_running and find_status(dict(records)) in STATUSES


def collect_epochs(store: Store, record: Record) -> list[Epoch]:
    """Collect the epochs of a stage: those that were logged, then others in its `history`.

    A stage whose result was reused, or whose loop logs nothing, has its history only.
    """
    epochs = {epoch.number: epoch for epoch in read_progress(store, record.run_id, record.stage)}
    for position, line in enumerate(_read_history(store, record), 1):
        try:
            epoch = parse_epoch(json.loads(line), position, record.started + position / 1000)
        except (ValueError, TypeError):
            return list(epochs.values())  # a history of another kind
        epochs.setdefault(epoch.number, epoch)
    return list(epochs.values())


def _describe_run(
    store: Store,
    pipeline: Pipeline,
    records: dict[str, Record],
    trials: list[Record],
    start: Start | None,
    is_over: bool,
) -> TrackedRun:
    run_id = next(iter((*records.values(), *trials))).run_id
    trained = pipeline.training_stage
    # During a sweep a trial stands for the training stage, but its settings are its own.
    training = read_record(store, run_id, trained)
    own = {
        name: training if training and name == trained else record
        for name, record in records.items()
        if training or name != trained
    }
    is_ended = has_ended(records, trials) or is_over
    status = find_status(records)
    sections = dict(start.settings) if start else {}
    if not is_ended:
        sections.pop(trained, None)  # a sweep may choose other values
    sections |= {name: record.settings for name, record in own.items()}
    epochs = {
        "" if name == trained else f"{name}.": collect_epochs(store, record)
        for name, record in own.items()
    }
    epochs = {prefix: listed for prefix, listed in epochs.items() if listed}
    new = [record for record in own.values() if record.taken_from is None] or list(own.values())
    started = start.started if start else min(r.started for r in (*new, *trials))
    ended = _find_end([*new, *trials], epochs) if is_ended else None
    results = dict[str, float]()
    tags = {RUN: run_id, STATUS: status if is_ended or status != "incomplete" else "running"}
    if records:
        summary = summarize(store, pipeline, run_id)
        results |= {f"test_{name}": value for name, value in summary["metrics"].items()}
        gpu_seconds = summary["gpu_seconds"]
        tags |= {"dataset_version": summary["dataset"]["version"], "mlpo.device": summary["device"]}
    else:
        gpu_seconds = add_gpu_seconds(trials)
    if trained in own:
        results |= _list_results(trained, own[trained])
    if ended is not None:
        results |= _list_costs(ended - started, gpu_seconds)
    reasons = [r.reason for r in records.values() if r.state == status and r.reason]
    tags |= {
        REASON: reasons[0] if reasons and is_ended else "",
        "mlpo.orchestrator": next(iter((*own.values(), *trials))).orchestrator,
        "mlpo.reused": ", ".join(name for name, r in own.items() if r.state == "reused"),
        "code_digest": (own.get(trained) or next(iter((*own.values(), *trials)))).code,
        **_list_origin(start),
    }
    return TrackedRun(
        trial="",
        name=run_id,
        status=STATUSES.get(status, "KILLED") if is_ended else "RUNNING",
        started=started,
        ended=ended,
        tags=_clean(tags),
        params=_clean(dict(flatten(sections))),
        epochs=epochs,
        results=results,
    )


def _describe_trial(
    store: Store, pipeline: Pipeline, trial: Record, start: Start | None
) -> TrackedRun:
    trained = pipeline.training_stage
    epochs = {"": listed} if (listed := collect_epochs(store, trial)) else {}
    is_ended = trial.state != "running"
    ended = _find_end([trial], epochs) if is_ended else None
    results = _list_results(trained, trial)
    if ended is not None:
        results |= _list_costs(ended - trial.started, add_gpu_seconds([trial]))
    usage = find_usage(trial)
    tags = {
        RUN: trial.run_id,
        STAGE: trial.stage,
        STATUS: trial.state,
        REASON: trial.reason or "",
        "mlpo.reused": trained if trial.state == "reused" else "",
        "mlpo.device": usage.device if usage else "",
        "code_digest": trial.code,
        **_list_origin(start),
    }
    return TrackedRun(
        trial=trial.stage,
        name=trial.stage,
        status=STATUSES[trial.state] if is_ended else "RUNNING",
        started=trial.started,
        ended=ended,
        tags=_clean(tags),
        params=_clean(dict(flatten({trained: trial.settings}))),
        epochs=epochs,
        results=results,
    )


def _list_origin(start: Start | None) -> dict[str, Any]:
    """List the tags about the code that a run started from."""
    if start is None:
        return {}
    is_clean = None if start.is_clean is None else str(start.is_clean).lower()
    return {
        "mlpo.kit": start.kit,
        "mlpo.snapshot": start.snapshot,
        "mlpo.commit": start.commit,
        "mlflow.source.git.commit": start.commit,  # MLflow's pages show this one
        "mlpo.clean": is_clean,
    }


def _list_results(name: str, record: Record) -> dict[str, float]:
    """List the numbers that a stage returned, as `<stage>.<value>`; usage only of its own work."""
    values = dict(record.values)
    if find_usage(record) is None:
        values.pop("usage", None)
    return {
        key: float(value)
        for key, value in flatten(values, name)
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def _list_costs(seconds: float, gpu_seconds: Mapping[str, float | None]) -> dict[str, float]:
    costs = {f"gpu_seconds_{name}": value for name, value in gpu_seconds.items()}
    known = {name: value for name, value in costs.items() if value is not None}
    return {"duration_seconds": round(max(seconds, 0.0), 3), **known}


def _find_end(records: Iterable[Record], epochs: Mapping[str, list[Epoch]]) -> float:
    """Find the last sign of life: a killed stage leaves its last epoch, or only its start."""
    signs = [record.ended or record.started for record in records]
    return max([*signs, *(epoch.time for listed in epochs.values() for epoch in listed)])


def _read_history(store: Store, record: Record) -> list[str]:
    if (history := record.outputs.get("history")) is None:
        return []
    try:
        return store.open(history).read_text(encoding="utf-8").splitlines()
    except (IntegrityError, ValueError):
        return []


def _clean(values: Mapping[str, Any]) -> dict[str, str]:
    """Turn values into texts that MLflow accepts; leaves out those that are not known."""
    return {name: str(value)[:TEXT_LIMIT] for name, value in values.items() if value is not None}
