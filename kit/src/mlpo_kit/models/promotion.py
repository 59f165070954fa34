"""From a trained candidate to the champion: the gate, the lineage, one version per model."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence

import numpy as np

from mlpo_kit.caching.key import flatten
from mlpo_kit.errors import PipelineError
from mlpo_kit.models.registry import Registry, Version, open_registry
from mlpo_kit.models.tracking import Lineage
from mlpo_kit.runs.gate import Verdict
from mlpo_kit.runs.pipeline import read_setting
from mlpo_kit.runs.records import read_records
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.store import Ref

log = logging.getLogger(__name__)


def judge_candidate(run: Run, metrics: Mapping[str, float]) -> Verdict:
    """Judge a candidate by PIPELINE's gate, against the bound and the champion.

    `metrics` holds the gate's metric by its own name. Raises PipelineError where PIPELINE has no
    gate, or the metric is not among them.
    """
    gate = run.pipeline.gate
    if gate is None or gate.name not in metrics:
        wanted = "no gate" if gate is None else f"the gate's metric {gate.name!r}"
        raise PipelineError(f"PIPELINE has {wanted}, and the candidate has: {', '.join(metrics)}")
    champion = open_registry(run.settings).champion()
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
    """Register a model under its digest, with its lineage; returns its version, and if it is new.

    `history` holds a line of JSON per epoch; `files` go with the version. The same weights are the
    same version, however often they are registered.
    """
    gate = work.run.pipeline.gate
    if gate is None:
        raise PipelineError("PIPELINE has no gate: it names the metric that versions are told by")
    registry = open_registry(work.run.settings)
    with work.store.guard():  # two runs with the same weights make one version
        known = registry.find(model.sha256)
        if known is None:
            lineage = _collect_lineage(work, metrics, dataset_version, history)
            paths = [work.open(ref) for ref in files]
            value = metrics[gate.name]
            version = registry.register(model, lineage, gate.name, value, paths)
            log.info("registered as %s version %d", registry.name, version.number)
            return version, True
        # From now on its weights are this run's: retention may have plans for those it had.
        if known.is_pruned or known.model != model:
            registry.restore(known.number, model)
    log.info("these weights are version %d already", known.number)
    return known, False


def compare_predictions(served: np.ndarray, offline: np.ndarray, tolerance: float) -> float:
    """Find the largest difference between what a served model answers and what it did offline.

    Both hold a row of numbers, or one number, for each sample: [n, ...]. Raises PipelineError where
    the shapes differ, or a number does by more than `tolerance`.
    """
    if served.shape != offline.shape:
        raise PipelineError(
            f"the served model answers with {served.shape}, the evaluation with {offline.shape}: "
            "not deployed, the champion stays"
        )
    differences = np.abs(served - offline).reshape(len(served), -1).max(axis=1)
    largest = float(differences.max())
    if not largest <= tolerance:  # also where it is no number
        row = int(differences.argmax())
        raise PipelineError(
            "the served model differs from the evaluation: "
            f"{int((~(differences <= tolerance)).sum())} of {len(served)} rows by more than "
            f"{tolerance:g}, most in row {row} by {largest:.4f}. Not deployed, the champion stays"
        )
    return largest


def promote_version(run: Run, number: int) -> Registry:
    """Make a version the champion; returns the registry."""
    registry = open_registry(run.settings)
    registry.promote(number)
    log.info("version %d is the champion of %s", number, registry.name)
    return registry


def _collect_lineage(
    work: Workspace, metrics: Mapping[str, float], dataset_version: str, history: Ref | None
) -> Lineage:
    """Where the model came from, and how it did."""
    run = work.run
    records = read_records(work.store, run.id)
    training = records.get(run.pipeline.training_stage)
    lines = work.open(history).read_text(encoding="utf-8").splitlines() if history else []
    cached = [name for name in run.pipeline.cached_names if name in records]
    upto = cached[: cached.index(run.pipeline.training_stage) + 1] if training else cached
    return Lineage(
        run_id=run.id,
        dataset_version=dataset_version,
        code_digest=training.code if training else "",
        params={
            key: value for name in upto for key, value in flatten(records[name].settings, name)
        },
        metrics=metrics,
        history=[json.loads(line) for line in lines],
    )
