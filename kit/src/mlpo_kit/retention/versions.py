"""Gather the facts for the retention policy from the model registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from mlpo_kit.config.settings import REGISTRY_VARIABLE, BaseSettings, check_registry_is_shared
from mlpo_kit.retention.facts import VersionFacts
from mlpo_kit.retention.inventory import find_places, is_whole
from mlpo_kit.store import Store

if TYPE_CHECKING:
    from mlpo_kit.models.registry import Registry


def find_registry(settings: BaseSettings) -> Registry | None:
    """Open the registry; returns None before anything was registered on this machine.

    Imports MLflow. Raises PipelineError if the registry is on a server whose address is not known:
    without it a prune could delete weights that the registry refers to.
    """
    check_registry_is_shared(settings)
    database = settings.local_root / "registry" / "mlflow.db"
    if REGISTRY_VARIABLE not in os.environ and not database.is_file():
        return None
    from mlpo_kit.models.registry import open_registry

    return open_registry(settings)


def find_mlflow_run(store: Store, run_id: str) -> str | None:
    """Find the id of the MLflow run that a run was tracked in; None if no file says so."""
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError):
        if mlflow_run := store.read_json(f"runs/{run_id}/tracking.json")["mlflow_run"]:
            return str(mlflow_run)
    return None


def gather_versions(registry: Registry, store: Store) -> Iterator[VersionFacts]:
    """Gather the facts about the versions whose weights are in this store.

    A server may be shared, so versions of other models count only if their weights are here; those
    of this project's model always count. Versions of older projects are not listed.
    """
    files = {item.key: item for item in store.files("runs")}
    for version in registry.list_versions():
        whole = is_whole(version.model, files)
        if whole or version.name == registry.name:
            yield VersionFacts(
                model=version.name,
                number=version.number,
                place=next(find_places([version.model]), None),
                whole=whole,
                pruned=version.is_pruned,
                held=version.held,
                run_id=version.run_id,
            )
