"""Connect to MLflow, and log a tracking run for each registered model.

MLflow stores its data in a SQLite file next to the runs, or on the server in MLFLOW_TRACKING_URI.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

import mlpo_kit.models.mlflow_environment  # isort: skip # noqa: F401 (set before the import)
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from mlpo_kit.config.settings import REGISTRY_VARIABLE


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


def log_run(
    client: MlflowClient, name: str, folder: Path, lineage: Lineage, files: Sequence[Path]
) -> str:
    """Log parameters, metrics per epoch and files as a run of an experiment; returns the run's id.

    `name` is the experiment's. Without a server the files go to `folder`.
    """
    experiment = client.get_experiment_by_name(name)
    location = None if find_server() else (folder / "artifacts").as_uri()
    experiment_id = (
        experiment.experiment_id
        if experiment
        else client.create_experiment(name, artifact_location=location)
    )
    tags = {"dataset_version": lineage.dataset_version, "code_digest": lineage.code_digest}
    run = client.create_run(experiment_id, run_name=lineage.run_id, tags=tags)
    now = int(time.time() * 1000)
    metrics = [
        Metric(name, float(value), now, int(epoch["epoch"]))
        for epoch in lineage.history
        for name, value in epoch.items()
        if name != "epoch"
    ]
    metrics += [Metric(f"test_{k}", v, now, 0) for k, v in lineage.metrics.items()]
    params = [Param(name, str(value)) for name, value in lineage.params.items()]
    run_id: str = run.info.run_id
    client.log_batch(run_id, metrics=metrics, params=params)  # splits into batches of 1,000
    for file in files:
        client.log_artifact(run_id, str(file))
    client.set_terminated(run_id)
    return run_id


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
