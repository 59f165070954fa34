"""Import a version that was exported elsewhere: verify all of it, then store and register it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlpo_kit.config.settings import BaseSettings, check_registry_is_shared
from mlpo_kit.errors import PipelineError
from mlpo_kit.handover.manifest import (
    PAGE,
    ExportedVersion,
    Manifest,
    check_project,
    open_exported_version,
)
from mlpo_kit.handover.records import (
    ExportedRecords,
    name_version,
    read_exported_records,
    write_records,
)
from mlpo_kit.models.predictor import load_predictor
from mlpo_kit.models.promotion import judge_candidate, register_candidate
from mlpo_kit.models.registry import Registry, Version, open_registry
from mlpo_kit.runs.imports import Import, read_import, write_import
from mlpo_kit.runs.records import read_records
from mlpo_kit.runs.summary import refresh_latest
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.store import Store, open_store


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    sha256: str  # of the file
    manifest: Manifest
    version: Version  # as it is registered here
    run_id: str  # the run in this store that holds its weights
    is_new: bool  # whether this import registered it
    is_written: bool  # whether this import brought its weights
    before: Version | None  # the champion before
    is_promoted: bool  # whether this import made it the champion
    refusal: str | None  # why the gate would refuse it as a candidate of a run


def import_version(settings: BaseSettings, path: Path, promote: bool = False) -> Imported:
    """Import a version from a file; importing it again changes nothing.

    It is stored as a run called `<run>-imported`, and registered unless its weights are registered
    already. With `promote` it becomes the champion, whatever the gate says. Raises PipelineError,
    and changes nothing, if the file is damaged or altered, or holds another project's model.
    """
    exported = open_exported_version(path)
    check_project(exported, settings)
    records, manifest = read_exported_records(exported), exported.manifest
    check_registry_is_shared(settings)
    store, registry = open_store(settings), open_registry(settings)
    with store.guard(), registry.explain_errors():
        run = Run(_choose_run_id(store, exported), records.orchestrator, settings)
        verdict = judge_candidate(run, manifest.metrics)
        before = registry.champion()
        version = _find_whole_version(registry, store, exported.digest)
        is_written, is_new = version is None, False
        if version is None:
            with _undo_on_failure(store, run.id):
                _write_run(store, run.id, exported, records)
            version, is_new = _register(run, registry, exported)
        is_promoted = promote and (before is None or before.number != version.number)
        if is_promoted:
            registry.promote(version.number)
        refresh_latest(store, run.pipeline)
    return Imported(
        sha256=exported.archive.sha256,
        manifest=manifest,
        version=version,
        run_id=version.model.key.split("/")[1],
        is_new=is_new,
        is_written=is_written,
        before=before,
        is_promoted=is_promoted,
        refusal=verdict.reason,
    )


def _choose_run_id(store: Store, exported: ExportedVersion) -> str:
    """Choose an id that no orchestrator gives to a run of its own.

    Two runs with the same id, from two machines, get different ids here.
    """
    run_id = f"{exported.manifest.run_id}-imported"
    earlier = read_import(store, run_id)
    if earlier is None:
        is_other = bool(store.children(f"runs/{run_id}"))
    else:
        is_other = earlier.model != exported.digest
    return f"{run_id}-{exported.digest[:8]}" if is_other else run_id


def _find_whole_version(registry: Registry, store: Store, digest: str) -> Version | None:
    """Find the version with these weights; None if it is not registered or has lost them."""
    version = registry.find(digest)
    is_whole = version is not None and not version.is_pruned and store.has(version.model)
    return version if is_whole else None


@contextmanager
def _undo_on_failure(store: Store, run_id: str) -> Iterator[None]:
    """Delete what a block wrote for a new run if the block fails."""
    is_new = not store.children(f"runs/{run_id}")
    try:
        yield
    except BaseException:
        if is_new:
            store.delete_tree(f"runs/{run_id}")
        raise


def _write_run(
    store: Store, run_id: str, exported: ExportedVersion, records: ExportedRecords
) -> None:
    """Write payloads first and records last: a run with records is complete."""
    for member in exported.payloads:
        ref = exported.make_ref(member, run_id)
        folder, _, name = ref.key.rpartition("/")
        exported.archive.copy(member, store.folder(folder) / name)
        if store.put(ref.key) != ref:
            raise PipelineError(f"{exported.path} was changed while it was imported: try it again")
    _check_weights(exported, store.open(exported.make_ref(exported.manifest.model, run_id)))
    manifest = exported.manifest
    source = Import(
        run_id=manifest.run_id,
        version=manifest.version,
        model=exported.digest,
        file=exported.archive.sha256,
        imported=time.time(),
    )
    write_import(store, run_id, source)
    write_records(store, run_id, exported, records)


def _check_weights(exported: ExportedVersion, weights: Path) -> None:
    """Raise PipelineError if the project's predictor can't open the weights."""
    try:
        load_predictor(weights)
    except PipelineError:
        raise
    except Exception as error:  # whatever the project's own code raises
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise PipelineError(
            f"{exported.manifest.predictor} can't open the weights in {exported.path} ({reason}): "
            "import them into a clone with the code that trained them"
        ) from None


def _register(run: Run, registry: Registry, exported: ExportedVersion) -> tuple[Version, bool]:
    """Register the imported run's model, or return the weights of a version that lost them.

    Returns the version, and whether it is new.
    """
    manifest, store = exported.manifest, run.store
    refs = {name: exported.make_ref(name, run.id) for name in exported.payloads}
    model, page = refs[manifest.model], refs[PAGE]
    history = refs[manifest.history] if manifest.history else None
    version, is_new = register_candidate(
        Workspace(run, "import"),
        model,
        metrics=manifest.metrics,
        dataset_version=manifest.dataset_version,
        history=history,
        files=[page, *(ref for ref in refs.values() if ref not in (model, history, page))],
    )
    name_version(store, run.pipeline, read_records(store, run.id), version.number)
    return registry.read_version(version.number) or version, is_new
