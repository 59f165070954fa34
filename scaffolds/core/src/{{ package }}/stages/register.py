"""Enter the model into the registry, if it is good enough."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from ..kit import report
from ..kit.errors import PipelineError
from ..kit.fingerprint import flatten
from ..kit.records import read_all
from ..kit.registry import Registry, Version
from ..kit.store import Ref, write_text
from ..kit.tracking import Lineage
from ..kit.workspace import Workspace
from ..settings import RegisterSettings
from . import Registered

log = logging.getLogger(__name__)


def register(
    settings: RegisterSettings,
    work: Workspace,
    model: Ref,
    history: Ref,
    evaluation: Ref,
    metrics: dict[str, float],
    dataset_version: str,
) -> Registered:
    """Register the model under its digest, with its lineage.

    Raises PipelineError when it is below the threshold, or worse than the champion by more
    than the margin.
    """
    registry = Registry(settings.model_name, work.run.settings.local_root)
    check_gate(settings, metrics["accuracy"], registry.champion())
    with work.store.guard():  # two runs with the same weights make one version
        known = registry.find(model.sha256)
        if known is None:
            lineage, files = _lineage(work, history, evaluation, metrics, dataset_version)
            version = registry.register(model, lineage, files)
            log.info("registered as %s version %d", settings.model_name, version.number)
            return Registered(version.number, settings.model_name, is_new=True)
        # From now on its weights are this run's: retention may have plans for those it had.
        if known.pruned or known.model != model:
            registry.restore(known.number, model)
    log.info("these weights are version %d already", known.number)
    return Registered(known.number, settings.model_name, is_new=False)


def _lineage(
    work: Workspace, history: Ref, evaluation: Ref, metrics: dict[str, float], dataset_version: str
) -> tuple[Lineage, list[Path]]:
    """Where the model came from, and the files that go with it."""
    run = work.run
    write_text(work.path("report.html"), report.build(work.store, run.id))
    epochs = [json.loads(line) for line in work.open(history).read_text().splitlines()]
    records = read_all(work.store, run.id)
    lineage = Lineage(
        run_id=run.id,
        dataset_version=dataset_version,
        code_digest=records["train"].code,
        params={
            key: value
            for stage in ("ingest", "preprocess", "train")
            for key, value in flatten(records[stage].settings, stage)
        },
        metrics=metrics,
        history=epochs,
    )
    return lineage, [work.path("report.html"), work.open(evaluation)]


def check_gate(settings: RegisterSettings, accuracy: float, champion: Version | None) -> None:
    """Raise PipelineError when a model of this accuracy may not be registered."""
    if accuracy < settings.min_accuracy:
        raise PipelineError(
            f"test accuracy {accuracy:.4f} is below register.min_accuracy "
            f"({settings.min_accuracy:g}): not registered, the champion stays"
        )
    if champion is not None and accuracy < champion.accuracy - settings.max_regression:
        raise PipelineError(
            f"test accuracy {accuracy:.4f} is worse than the champion's {champion.accuracy:.4f} "
            f"(version {champion.number}) by more than register.max_regression "
            f"({settings.max_regression:g}): not registered, the champion stays"
        )
