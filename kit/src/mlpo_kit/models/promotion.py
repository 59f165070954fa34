"""Take a trained candidate to champion: judge it, register it, compare its predictions."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlpo_kit.config.documents import flatten
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.tracking import is_tracking_on
from mlpo_kit.models.champion import Champion, read_champion
from mlpo_kit.runs.gate import Verdict
from mlpo_kit.runs.pipeline import read_setting
from mlpo_kit.runs.records import read_records
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.store import Ref

if TYPE_CHECKING:
    from mlpo_kit.models.registry import Registry, Version
    from mlpo_kit.models.tracking import Lineage

log = logging.getLogger(__name__)


def connect_registry(run: Run) -> Registry:
    """Open the model registry of a run. Imports MLflow, which takes seconds."""
    from mlpo_kit.models.registry import open_registry

    return open_registry(run.settings)


def judge_candidate(run: Run, metrics: Mapping[str, float]) -> Verdict:
    """Judge a candidate by the gate of PIPELINE: against the bound and the champion.

    Raises PipelineError if PIPELINE has no gate, or `metrics` does not contain the gate's metric.
    """
    gate = run.pipeline.gate
    if gate is None:
        raise PipelineError("PIPELINE has no gate, so it can't judge a candidate")
    if gate.name not in metrics:
        raise PipelineError(
            f"the gate in PIPELINE needs the metric {gate.name!r}; the candidate has: "
            + ", ".join(metrics)
        )
    champion = _find_champion(run)
    comparable = champion is not None and champion.metric == gate.name
    return gate.judge(
        metrics[gate.name],
        read_setting(run.settings, gate.bound),
        champion.value if champion is not None and comparable else None,
        read_setting(run.settings, gate.margin) if gate.margin else 0.0,
    )


def register_candidate(
    work: Workspace,
    model: Ref,
    *,
    metrics: Mapping[str, float],
    dataset_version: str,
    history: Ref | None = None,
    files: Sequence[Ref] = (),
) -> tuple[Version, bool]:
    """Register a model with its lineage; returns its version, and whether that is new.

    The model's digest identifies it: weights that are already registered keep their version.
    `history` holds a line of JSON per epoch. `files` are stored with the version. Raises
    PipelineError if PIPELINE has no gate.
    """
    gate = work.run.pipeline.gate
    if gate is None:
        raise PipelineError("PIPELINE has no gate, which names the metric to compare versions by")
    registry = connect_registry(work.run)
    with work.store.guard():  # so that two runs with the same weights register one version
        registered = registry.find(model.sha256)
        if registered is None:
            lineage = _collect_lineage(work, metrics, dataset_version, history)
            paths = [work.open(ref) for ref in files]
            value = metrics[gate.name]
            tracked = _track(work.run)
            version = registry.register(model, lineage, gate.name, value, paths, tracked)
            log.info("registered as %s version %d", registry.name, version.number)
            return version, True
        # Point the version to this run's weights, because retention may delete the earlier file.
        if registered.is_pruned or registered.model != model:
            # The run that registered pruned weights was pruned as well, with its tracked run.
            origin = work.run.id if registered.is_pruned else registered.run_id
            registry.restore(registered.number, model, origin)
    log.info("these weights are already registered as version %d", registered.number)
    return registered, False


def compare_predictions(served: np.ndarray, offline: np.ndarray, tolerance: float) -> float:
    """Return the largest difference between the served model's and the offline predictions.

    Both are [n, ...]: a number or an array of numbers per sample. Raises PipelineError if the
    shapes differ, or a difference is larger than `tolerance`.
    """
    if served.shape != offline.shape:
        raise PipelineError(
            f"the served model answers with shape {served.shape}, the evaluation with "
            f"{offline.shape}: the model was not deployed"
        )
    differences = np.abs(served - offline).reshape(len(served), -1).max(axis=1)
    largest = float(differences.max())
    if not largest <= tolerance:  # also if it is NaN
        row = int(differences.argmax())
        raise PipelineError(
            "the served model differs from the evaluation: "
            f"{int((~(differences <= tolerance)).sum())} of {len(served)} rows by more than "
            f"{tolerance:g}, row {row} most, by {largest:.4f}. The model was not deployed"
        )
    return largest


def _find_champion(run: Run) -> Champion | Version | None:
    name: str = read_setting(run.settings, run.pipeline.model_name)
    try:
        return read_champion(name, run.settings.local_root)
    except LookupError:
        return connect_registry(run).champion()


def _track(run: Run) -> str | None:
    """Bring the MLflow run of a tracked run up to date; returns its id, None if it can't be."""
    from mlpo_kit.models.sending import send_run

    if not is_tracking_on():
        return None
    try:
        sent = send_run(run.settings, run.id)
    except Exception as error:
        log.warning("the run is not tracked yet: %s", error)
        return None
    return sent.mlflow_run if sent else None


def _collect_lineage(
    work: Workspace, metrics: Mapping[str, float], dataset_version: str, history: Ref | None
) -> Lineage:
    """Collect the settings up to training, the code, the metrics and the history of a model."""
    from mlpo_kit.models.tracking import Lineage

    run = work.run
    records = read_records(work.store, run.id)
    training = records.get(run.pipeline.training_stage)
    lines = work.open(history).read_text(encoding="utf-8").splitlines() if history else []
    stages = [name for name in run.pipeline.cached_names if name in records]
    if training:
        stages = stages[: stages.index(run.pipeline.training_stage) + 1]
    return Lineage(
        run_id=run.id,
        dataset_version=dataset_version,
        code_digest=training.code if training else "",
        params={
            key: value for name in stages for key, value in flatten(records[name].settings, name)
        },
        metrics=metrics,
        history=[json.loads(line) for line in lines],
    )
