"""Connect to MLflow, and find or create the MLflow run of a run.

MLflow stores its data in a SQLite file next to the runs, or on the server in MLFLOW_TRACKING_URI.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

import mlpo_kit.models.mlflow_environment  # isort: skip # noqa: F401 (set before the import)
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from mlpo_kit.config.settings import REGISTRY_VARIABLE
from mlpo_kit.models.tracked import RUN, STAGE

CREATED = "mlpo.created"  # a tag: nanoseconds since the epoch; the oldest of two runs counts
_MOST = 50_000  # runs in one answer of MLflow


@dataclass(frozen=True)
class Lineage:
    """The origin of a model and its results; `history` holds a mapping per epoch."""

    run_id: str
    dataset_version: str
    code_digest: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    history: Sequence[Mapping[str, float]]


def find_server() -> str | None:
    """Return the server's URI from the environment; None if the registry is a file."""
    return os.environ.get(REGISTRY_VARIABLE) or None


def connect(folder: Path) -> MlflowClient:
    """Create MLflow's client, for the server or for the SQLite file in `folder`."""
    uri = find_server() or f"sqlite:///{_ensure_database(folder)}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def ensure_experiment(client: MlflowClient, name: str, folder: Path) -> str:
    """Return the id of an experiment, which is created if it is missing.

    Without a server its files go to `folder`.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = None if find_server() else (folder / "artifacts").as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException:
            experiment = client.get_experiment_by_name(name)
            if experiment is None:  # otherwise somebody else has just created it
                raise
    return str(experiment.experiment_id)


def find_runs(client: MlflowClient, experiment_id: str, run_id: str, trial: str = "") -> list[str]:
    """Find the MLflow runs of a run, or of its trial `trial`; the oldest, which counts, is first.

    There are two if two machines created them at the same time.
    """
    conditions = {RUN: run_id, **({STAGE: trial} if trial else {})}
    query = " and ".join(f"tags.`{name}` = '{value}'" for name, value in conditions.items())
    runs = client.search_runs([experiment_id], query, max_results=_MOST)
    found = [run for run in runs if run.data.tags.get(STAGE, "") == trial]
    found.sort(key=lambda run: (int(run.data.tags.get(CREATED, 0)), run.info.run_id))
    return [str(run.info.run_id) for run in found]


def open_run(
    client: MlflowClient,
    experiment_id: str,
    run_id: str,
    trial: str = "",
    started: float | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Find or create the MLflow run of a run, or of its trial `trial`; returns its id.

    `started` is in seconds since the epoch (default: now).
    """
    if found := find_runs(client, experiment_id, run_id, trial):
        return found[0]
    own = {RUN: run_id, **({STAGE: trial} if trial else {}), CREATED: str(time.time_ns())}
    client.create_run(
        experiment_id,
        start_time=None if started is None else int(started * 1000),
        run_name=trial or run_id,
        tags={**(tags or {}), **own},
    )
    oldest, *others = find_runs(client, experiment_id, run_id, trial)
    for other in others:  # whoever sends to one of them then finds the oldest
        with suppress(MlflowException):  # the other machine has deleted it
            client.delete_run(other)
    return oldest


def log_run(
    client: MlflowClient,
    name: str,
    folder: Path,
    lineage: Lineage,
    files: Sequence[Path],
    tracked: str | None = None,
) -> str:
    """Log a model's lineage and files to the MLflow run of its run; returns the MLflow run's id.

    `name` is the experiment's. `tracked` is the MLflow run if the run is tracked: then only what it
    does not hold yet is added, and it stays open. Without a server the files go to `folder`.
    """
    experiment_id = ensure_experiment(client, name, folder)
    target = tracked or open_run(client, experiment_id, lineage.run_id)
    known = client.get_run(target).data
    now = int(time.time() * 1000)
    epochs = [
        make_metric(key, value, now, int(epoch["epoch"]))
        for epoch in lineage.history
        for key, value in epoch.items()
        if key != "epoch" and clean_name(key) not in known.metrics
    ]
    tests = {f"test_{key}": value for key, value in lineage.metrics.items()}
    results = [
        make_metric(key, value, now, 0)
        for key, value in tests.items()
        if known.metrics.get(clean_name(key)) != value
    ]
    tags = {"dataset_version": lineage.dataset_version, "code_digest": lineage.code_digest}
    client.log_batch(
        target,
        metrics=[*epochs, *results],
        params=make_params(lineage.params, known.params),
        tags=[RunTag(key, value) for key, value in tags.items()],
    )
    for file in files:
        client.log_artifact(target, str(file))
    if tracked is None:
        client.set_terminated(target)
    return target


def make_metric(name: str, value: float, milliseconds: int, step: int) -> Metric:
    """Make a metric of MLflow; characters that it does not accept in a name are replaced."""
    return Metric(clean_name(name), float(value), milliseconds, step)


def make_params(params: Mapping[str, Any], known: Iterable[str]) -> list[Param]:
    """Make the parameters that MLflow does not know yet: it refuses to change a known one."""
    cleaned = {clean_name(name): str(value) for name, value in params.items()}
    names = set(known)
    return [Param(name, value) for name, value in cleaned.items() if name not in names]


def clean_name(name: str) -> str:
    """Replace the characters that MLflow does not accept in a name, and shorten it."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]


def _ensure_database(folder: Path) -> Path:
    """Return the SQLite file of a local registry; create it under a lock if it is missing.

    MLflow fails if two processes create its tables at once, and can't repair tables whose creation
    was interrupted. The file is therefore created under another name and renamed at the end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database, partial = folder / "mlflow.db", folder / ".mlflow.db"
    with FileLock(folder / ".lock"):
        if not database.exists():
            for leftover in folder.glob(f"{partial.name}*"):
                leftover.unlink()
            MlflowClient(tracking_uri=f"sqlite:///{partial}")
            partial.replace(database)
    return database
