"""Bring MLflow in line with the records of a run. Sending again what was sent changes nothing.

What was sent is noted in the run's `tracking.json`, so that each call sends only what is new. The
times in MLflow are those that were recorded, and MLflow ignores a point that it has.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

import mlpo_kit.models.mlflow_environment  # isort: skip # noqa: F401 (set before the import)
from mlflow import MlflowClient
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException

from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import find_root_cause
from mlpo_kit.execution.tracking import locate_state, read_mark, read_state
from mlpo_kit.models.tracked import PARENT, TrackedRun, collect_runs
from mlpo_kit.models.tracking import (
    connect,
    ensure_experiment,
    find_server,
    make_metric,
    make_params,
    open_run,
)
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline
from mlpo_kit.runs.records import read_record
from mlpo_kit.runs.start import read_start
from mlpo_kit.store import Store, open_store

REPORT = "report.html"
SCHEMA_VERSION = 1
LOCK_SECONDS = 60.0  # to wait for another process that sends the same run
DELETED = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # a run, or all of the registry
QUIET_SECONDS = 600.0  # without a sign after which a local run between two stages counts as over

MakeReport = Callable[[], str]
State = dict[str, Any]  # what was sent of a run or a trial


@dataclass(frozen=True)
class Sent:
    """A run in MLflow."""

    mlflow_run: str  # its id
    is_closed: bool  # whether the run has ended, and everything of it was sent


def send_run(
    settings: BaseSettings, run_id: str, make_report: MakeReport | None = None
) -> Sent | None:
    """Bring the MLflow runs of a run and of its trials in line with its records.

    `make_report` makes the page that is stored when the run has ended. Returns None if the run has
    no records. Raises MlflowException, or an error of the disk or network, if MLflow does not
    answer: the next call sends the rest.
    """
    store, pipeline = open_store(settings), load_pipeline()
    lock = FileLock(store.machine_path(f"runs/{run_id}/.sending.lock"), timeout=LOCK_SECONDS)
    if not (runs := collect_runs(store, pipeline, run_id)):
        return None
    Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
    with lock:
        if runs[0].status == "RUNNING" and _is_over(settings, store, run_id, runs):
            runs = collect_runs(store, pipeline, run_id, is_over=True)
        destination = find_server() or "local"
        state = read_state(store, run_id)
        if state.get("destination") != destination or state.get("schema_version") != SCHEMA_VERSION:
            state = {}
        name = find_experiment_name(settings, store, pipeline, run_id)
        sender = _Sender(settings.local_root / "registry", name, run_id)
        try:
            states = sender.send_all(runs, state.get("runs", {}))
        except MlflowException as error:
            if not state or error.error_code not in DELETED:
                raise
            states = sender.send_all(runs, {})
        is_closed = all(run.status != "RUNNING" for run in runs)
        if is_closed and make_report is not None:
            sender.send_report(states[""], make_report)
        is_closed = is_closed and (make_report is None or states[""]["has_report"])
        sent = Sent(states[""]["id"], is_closed)
        _write_state(store, run_id, destination, states, sent)
    return sent


def note_problem(store: Store, run_id: str, problem: str) -> None:
    """Note why a run could not be sent, for the command that waits for it."""
    state = read_state(store, run_id)
    store.write_json(locate_state(run_id), {**state, "problem": problem, "tried": time.time()})


def is_away(error: BaseException) -> bool:
    """Whether an error means that the MLflow server does not answer."""
    has_no_answer = "API request to" in str(error) or isinstance(error, ConnectionError)
    return find_server() is not None and has_no_answer


def explain_problem(error: BaseException, settings: BaseSettings) -> str:
    """Explain in a sentence why nothing could be sent to MLflow."""
    destination = find_server() or str(settings.local_root / "registry")
    if is_away(error):
        return f"the MLflow server at {destination} does not answer"
    return f"MLflow at {destination} fails: {find_root_cause(error)}"


def find_experiment_name(
    settings: BaseSettings, store: Store, pipeline: Pipeline, run_id: str
) -> str:
    """Find the experiment of a run: the name of its model, or else that of the project."""
    stage, *path = pipeline.model_name.split(".")
    start, record = read_start(store, run_id), read_record(store, run_id, stage)
    sections = (
        record.settings if record else None,
        start.settings.get(stage) if start else None,
        vars(getattr(settings, stage, object)),
    )
    for section in sections:
        value: Any = section
        for name in path:
            value = value.get(name) if hasattr(value, "get") else getattr(value, name, None)
        if isinstance(value, str):
            return value
    return settings.project


def _is_over(settings: BaseSettings, store: Store, run_id: str, runs: list[TrackedRun]) -> bool:
    """Whether no stage of a run between two stages will start any more.

    Its command has ended, or there was no sign of life for long.
    """
    if any(run.status == "RUNNING" for run in runs[1:]):
        return False
    ended = collect_runs(store, load_pipeline(), run_id, is_over=True)[0]
    if ended.tags["mlpo.status"] != "incomplete":
        return False
    mark = read_mark(store, run_id)
    is_local = settings.compute == "local"
    quiet = QUIET_SECONDS if is_local else settings.retention.max_run_hours * 3600
    return (mark is not None and mark.is_over) or time.time() - (ended.ended or 0) > quiet


def _write_state(
    store: Store, run_id: str, destination: str, states: dict[str, State], sent: Sent
) -> None:
    document = {
        "schema_version": SCHEMA_VERSION,
        "destination": destination,
        "mlflow_run": sent.mlflow_run,
        "closed": sent.is_closed,
        "runs": states,
    }
    store.write_json(locate_state(run_id), document)


class _Sender:
    """Sends the runs of one experiment to MLflow."""

    def __init__(self, folder: Path, experiment: str, run_id: str) -> None:
        self._client: MlflowClient = connect(folder)
        self._experiment = experiment
        self._folder = folder
        self._run_id = run_id

    def send_all(self, runs: list[TrackedRun], states: dict[str, State]) -> dict[str, State]:
        """Send a run and its trials; returns what was sent, by trial."""
        sent: dict[str, State] = {}
        for run in runs:
            parent = sent[""]["id"] if run.trial else None
            sent[run.trial] = self._send(run, states.get(run.trial), parent)
        return sent

    def send_report(self, state: State, make_report: MakeReport) -> None:
        """Store the page of the run, unless it is there."""
        if not state["has_report"]:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / REPORT
                path.write_text(make_report(), encoding="utf-8")
                self._client.log_artifact(state["id"], str(path))
            state["has_report"] = True

    def _send(self, run: TrackedRun, known: State | None, parent: str | None) -> State:
        """Send what is new of a run or trial; returns what was sent."""
        tags = {**run.tags, **({PARENT: parent} if parent else {})}
        state = self._open(run, tags) if known is None else dict(known)
        metrics = [
            make_metric(prefix + name, value, int(epoch.time * 1000), epoch.number)
            for prefix, epochs in run.epochs.items()
            for epoch in epochs[state["epochs"].get(prefix, 0) :]
            for name, value in epoch.metrics.items()
        ]
        when = int((run.ended or run.started) * 1000)
        metrics += [
            make_metric(name, value, when, 0)
            for name, value in run.results.items()
            if state["results"].get(name) != value
        ]
        changed = {name: value for name, value in tags.items() if state["tags"].get(name) != value}
        self._client.log_batch(
            state["id"],
            metrics=metrics,
            params=make_params(run.params, state["params"]),
            tags=[RunTag(name, value) for name, value in changed.items()],
        )
        if run.status != state["status"]:
            self._set_status(state["id"], run)
        has_report = state["has_report"] and run.status == state["status"]
        names = {param.key for param in make_params(run.params, ())}
        return {
            "id": state["id"],
            "status": run.status,
            "tags": tags,
            "params": sorted({*state["params"], *names}),
            "epochs": {prefix: len(epochs) for prefix, epochs in run.epochs.items()},
            "results": run.results,
            "has_report": has_report,
        }

    def _open(self, run: TrackedRun, tags: dict[str, str]) -> State:
        """Find or create the MLflow run; returns what it holds already."""
        experiment_id = ensure_experiment(self._client, self._experiment, self._folder)
        found = open_run(self._client, experiment_id, self._run_id, run.trial, run.started, tags)
        known = self._client.get_run(found)
        return {
            "id": found,
            "status": known.info.status,
            "tags": dict(known.data.tags),
            "params": list(known.data.params),
            "epochs": {},
            "results": dict(known.data.metrics),
            "has_report": False,
        }

    def _set_status(self, mlflow_run: str, run: TrackedRun) -> None:
        if run.ended is None:
            self._client.update_run(mlflow_run, status=run.status)
        else:
            self._client.set_terminated(mlflow_run, run.status, int(run.ended * 1000))
