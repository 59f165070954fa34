"""Delete what Metaflow itself stores for runs that retention deletes.

Metaflow is imported only when it is needed: after most runs there is nothing to delete.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path

from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.metaflow.description import list_variables, read_metaflow_cluster
from mlpo_kit.metaflow.variants import list_flow_names
from mlpo_kit.store.files import read_json, write_json

KEPT = ("/_meta", "/_parameters")  # a run's date and tags, and the parameters that `resume` needs


def find_kept_runs(settings: BaseSettings) -> set[str]:
    """Find the ids of the runs that are tagged `keep`."""
    with _use_datastore(settings):
        from metaflow import Flow, namespace
        from metaflow.exception import MetaflowNotFound

        namespace(None)
        kept: set[str] = set()
        for flow in list_flow_names():
            with suppress(MetaflowNotFound):  # no run yet
                kept |= {run.id for run in Flow(flow).runs("keep")}
    return kept


def delete_runs(settings: BaseSettings, run_ids: Collection[str]) -> None:
    """Tag the runs `pruned`, and delete their cards and what Metaflow stores for their tasks.

    The artifacts stay: they are small, and other runs share them.
    """
    with _use_datastore(settings):
        from fsspec.core import url_to_fs
        from metaflow.exception import MetaflowNotFound

        for flow, run_id in product(list_flow_names(), run_ids):  # no two runs have the same id
            with suppress(MetaflowNotFound):  # it belongs to another flow, or is deleted already
                _mark_pruned(flow, run_id)
            for location in _list_locations(flow, run_id):
                files, path = url_to_fs(location)
                with suppress(FileNotFoundError):
                    for name in files.ls(path, detail=False):
                        if not name.endswith(KEPT):
                            files.rm(name, recursive=True)


@contextmanager
def _use_datastore(settings: BaseSettings) -> Iterator[None]:
    """Point Metaflow to its datastore during a block; enter it before importing Metaflow.

    On this machine Metaflow searches from the working folder upwards; in a pod the manifest has
    set the variables.
    """
    if settings.compute != "local" and "METAFLOW_DATASTORE_SYSROOT_S3" not in os.environ:
        os.environ.update(list_variables(read_metaflow_cluster(settings)))
    before = Path.cwd()
    os.chdir(find_project().root)
    try:
        yield
    finally:
        os.chdir(before)


def _mark_pruned(flow: str, run_id: str) -> None:
    """Tag a run `pruned` without changing its date."""
    from metaflow import Run, get_metadata, namespace

    namespace(None)
    Run(f"{flow}/{run_id}").add_tag("pruned")
    kind, _, folder = get_metadata().partition("@")
    if kind == "local" and run_id.isdigit():
        # A tag sets the date of a local run to now, so Metaflow would take it for the newest run.
        # The id of a local run is its start in microseconds.
        path = Path(folder, ".metaflow", flow, run_id, "_meta", "_self.json")
        write_json(path, {**read_json(path), "ts_epoch": int(run_id) // 1000})


def _list_locations(flow: str, run_id: str) -> Iterator[str]:
    """List the folders in which Metaflow stores a run's tasks and cards."""
    from metaflow.metaflow_config import DEFAULT_DATASTORE
    from metaflow.plugins import DATASTORES
    from metaflow.plugins.cards.card_datastore import CardDatastore

    (datastore,) = (kind for kind in DATASTORES if kind.TYPE == DEFAULT_DATASTORE)
    root = datastore.get_datastore_root_from_config(print, create_on_absent=False)
    cards = CardDatastore.get_storage_root(DEFAULT_DATASTORE)
    yield f"{root}/{flow}/{run_id}"
    yield f"{cards or root}/{flow}/runs/{run_id}"
