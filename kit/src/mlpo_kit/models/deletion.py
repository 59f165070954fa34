"""Delete the tracked runs of pruned runs from MLflow, with their files."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import mlpo_kit.models.mlflow_environment  # isort: skip # noqa: F401 (set before the import)
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from mlpo_kit.errors import PipelineError
from mlpo_kit.models.tracked import RUN
from mlpo_kit.models.tracking import connect, find_server

log = logging.getLogger(__name__)


def delete_tracked_runs(
    folder: Path, experiments: Collection[str], runs: Mapping[str, str | None]
) -> None:
    """Delete the tracked runs of `runs` and of their trials, with metrics, parameters and files.

    `runs` maps the id of each run to that of its MLflow run, if it is known; its trials are in the
    same experiment. Other MLflow runs are searched in `experiments`, by name. From the local
    registry in `folder` they are deleted for good. A server marks them as deleted, and frees their
    rows with its own `mlflow gc`; their files are deleted if this machine may do that.

    Raises MlflowException if MLflow does not answer, and PipelineError if a file can't be deleted;
    the next call deletes the rest.
    """
    client = connect(folder)
    named = (client.get_experiment_by_name(name) for name in sorted(experiments))
    own = {experiment.experiment_id for experiment in named if experiment is not None}
    for run_id, mlflow_run in runs.items():
        searched = own | _find_experiments(client, mlflow_run)
        for found in list(_search_runs(client, searched, run_id)):
            _delete_run(client, folder, found)


def _find_experiments(client: MlflowClient, mlflow_run: str | None) -> set[str]:
    """Return the experiment of an MLflow run; empty if it does not exist."""
    if mlflow_run is None:
        return set()
    try:
        return {client.get_run(mlflow_run).info.experiment_id}
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return set()
        raise


def _search_runs(client: MlflowClient, experiments: Collection[str], run_id: str) -> Iterator[Any]:
    """Search the MLflow runs of a run; in a local registry also those marked as deleted."""
    if not experiments or "'" in run_id:  # no orchestrator makes such an id
        return
    view = ViewType.ACTIVE_ONLY if find_server() else ViewType.ALL
    token = None
    while True:
        page = client.search_runs(
            sorted(experiments), f"tags.`{RUN}` = '{run_id}'", view, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _delete_run(client: MlflowClient, folder: Path, run: Any) -> None:
    """Delete the files of an MLflow run, then the run."""
    if find_server():
        _delete_remote_files(run)
        client.delete_run(run.info.run_id)
        return
    # Not at `artifact_uri`: in a copied project that is a folder of the original.
    files = folder / "artifacts" / run.info.run_id
    try:
        if files.exists():
            shutil.rmtree(files)
    except OSError as error:
        raise PipelineError(f"{files} can't be deleted: {error.strerror or error}") from None
    # MLflow 3.17.2 has no public call: the client only marks a run as deleted. `mlflow gc` calls
    # this method as well; it takes seconds for each call, and deletes the files at `artifact_uri`.
    client._tracking_client.store._hard_delete_run(run.info.run_id)


def _delete_remote_files(run: Any) -> None:
    """Delete the files of a run of a server, as far as this machine may."""
    try:
        repository: Any = get_artifact_repository(run.info.artifact_uri)
        repository.delete_artifacts()
    except Exception as error:  # each kind of storage raises its own errors
        uri = run.info.artifact_uri
        log.info("%s stays until the MLflow server deletes it: %s", uri, error)
