"""Delete what ZenML stores for runs that retention deletes.

ZenML's own `artifact prune` does not know the retention policy, and treats the weights of deployed
models as unused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from mlpo_kit.cluster.pods import make_object_name
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.zenml.environment import FOLDER, use_local_store
from mlpo_kit.zenml.local_store import open_local_store
from mlpo_kit.zenml.server import connect

KEEP = "keep"


def find_kept_runs(settings: BaseSettings) -> Collection[str]:
    """Find the names of the runs that are tagged `keep` in ZenML."""
    if settings.compute == "local" and not (settings.local_root / FOLDER).exists():
        return set()
    with open_client(settings) as client:
        return {run.name for run in list_all(client.list_pipeline_runs, tags=[KEEP])}


def delete_runs(settings: BaseSettings, run_ids: Collection[str]) -> None:
    """Delete ZenML's records of runs, then the artifacts that nothing uses any more.

    Artifacts linked to a model version stay: each is one line that identifies the weights. Versions
    whose weights are pruned are marked. On a server, artifacts of other projects stay.
    """
    with open_client(settings) as client:
        own_store = _find_own_store(client, settings)
        snapshots = set()
        for run_id in run_ids:
            for run in list_all(client.list_pipeline_runs, name=run_id, hydrate=True):
                snapshots |= {run.snapshot.id} if run.snapshot else set()
                client.delete_pipeline_run(run.id)
        linked = {
            link.artifact_version.id
            for version in list_all(client.list_model_versions)
            for link in list_all(
                client.list_model_version_artifact_links, model_version_id=version.id
            )
        }
        unused = list_all(client.list_artifact_versions, only_unused=True, **own_store)
        for artifact in list(unused):
            if artifact.id not in linked:
                _delete_artifact(client, artifact.id)
        if settings.compute == "local":  # newer snapshots may belong to a run that is starting
            yesterday = datetime.now(timezone.utc) - timedelta(days=1)
            client.prune_snapshots(older_than=yesterday, apply=True)
        else:  # a server has snapshots of other projects
            for snapshot in snapshots:
                client.delete_snapshot(snapshot)
        _note_pruned_versions(client, settings)


def _delete_artifact(client: Any, artifact: UUID) -> None:
    """Delete an artifact and its record; an earlier try may have deleted the file already."""
    try:
        client.delete_artifact_version(artifact, delete_from_artifact_store=True)
    except FileNotFoundError:
        client.delete_artifact_version(artifact)


def _find_own_store(client: Any, settings: BaseSettings) -> dict[str, Any]:
    """Return the filter for the project's own artifacts: on a server, its artifact store."""
    from zenml.enums import StackComponentType

    if settings.compute == "local":
        return {}
    kind, name = StackComponentType.ARTIFACT_STORE, make_object_name(settings.project)
    try:
        store = client.get_stack_component(kind, name, allow_name_prefix_match=False)
    except KeyError:  # created by the first run, so there are no artifacts yet
        return {"artifact_store_id": UUID(int=0)}
    return {"artifact_store_id": store.id}


def _note_pruned_versions(client: Any, settings: BaseSettings) -> None:
    """Mark the model versions in ZenML whose weights are pruned according to the registry."""
    from mlpo_kit.models.registry import open_registry
    from mlpo_kit.zenml.model_versions import PRUNED, WEIGHTS, name_version, note_weights

    registry = open_registry(settings)
    for version in registry.list_versions():
        name = name_version(version.number, version.model.sha256)
        if not version.is_pruned or version.name != registry.name:
            continue
        with suppress(KeyError):  # registered by another orchestrator
            zenml_version = client.get_model_version(registry.name, name)
            if zenml_version.run_metadata.get(WEIGHTS) != PRUNED:
                note_weights(PRUNED, registry.name, name)


@contextmanager
def open_client(settings: BaseSettings) -> Iterator[Any]:
    """Open ZenML's client for the local records, or for the server of the cluster."""
    if settings.compute != "local":
        with connect(settings) as client:
            yield client
        return
    home = use_local_store(settings.local_root, find_project().source)
    with open_local_store(home):
        from zenml.client import Client

        yield Client()


def list_all(list_page: Any, **filters: Any) -> Iterator[Any]:
    """List the items on all pages of one of the client's list methods."""
    from zenml.utils.pagination_utils import depaginate

    yield from depaginate(list_page, **filters)
