"""Forget runs: what Metaflow itself keeps of those that retention gives up.

Metaflow is imported where it is needed: after most runs there is nothing to delete.
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

KEPT = ("/_meta", "/_parameters")  # a run's date and tags, and what `resume` starts it again with


def find_kept_runs(settings: BaseSettings) -> set[str]:
    """Find the ids of the runs that are tagged `keep`."""
    with _use_datastore(settings):
        from metaflow import Flow, namespace
        from metaflow.exception import MetaflowNotFound

        namespace(None)
        found: set[str] = set()
        for flow in list_flow_names():
            with suppress(MetaflowNotFound):  # no run yet
                found |= {run.id for run in Flow(flow).runs("keep")}
    return found


def forget_runs(settings: BaseSettings, run_ids: Collection[str]) -> None:
    """Tag the runs `pruned`, and delete their cards and what Metaflow keeps of their tasks.

    Their artifacts stay: they are small, and other runs share them.
    """
    with _use_datastore(settings):
        from fsspec.core import url_to_fs
        from metaflow.exception import MetaflowNotFound

        for flow, run_id in product(list_flow_names(), run_ids):  # no two runs have the same id
            with suppress(MetaflowNotFound):  # of another flow, or somebody deleted it
                _mark_pruned(flow, run_id)
            for place in _list_places(flow, run_id):
                files, path = url_to_fs(place)
                with suppress(FileNotFoundError):
                    for name in files.ls(path, detail=False):
                        if not name.endswith(KEPT):
                            files.rm(name, recursive=True)


@contextmanager
def _use_datastore(settings: BaseSettings) -> Iterator[None]:
    """Let Metaflow find its datastore in a block, before it is imported.

    On this machine it looks from the working folder upwards; in a pod the manifest has said where.
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
    """Tag a run `pruned`, without a change of its date."""
    from metaflow import Run, get_metadata, namespace

    namespace(None)
    Run(f"{flow}/{run_id}").add_tag("pruned")
    kind, _, folder = get_metadata().partition("@")
    if kind == "local" and run_id.isdigit():
        # Metaflow would take it for the newest run: a tag sets the date of a local run to now.
        # Its id is when it began, in microseconds.
        path = Path(folder, ".metaflow", flow, run_id, "_meta", "_self.json")
        write_json(path, {**read_json(path), "ts_epoch": int(run_id) // 1000})


def _list_places(flow: str, run_id: str) -> Iterator[str]:
    """List where Metaflow keeps the tasks and the cards of a run."""
    from metaflow.metaflow_config import DEFAULT_DATASTORE
    from metaflow.plugins import DATASTORES
    from metaflow.plugins.cards.card_datastore import CardDatastore

    (datastore,) = (kind for kind in DATASTORES if kind.TYPE == DEFAULT_DATASTORE)
    root = datastore.get_datastore_root_from_config(print, create_on_absent=False)
    cards = CardDatastore.get_storage_root(DEFAULT_DATASTORE)
    yield f"{root}/{flow}/{run_id}"
    yield f"{cards or root}/{flow}/runs/{run_id}"
