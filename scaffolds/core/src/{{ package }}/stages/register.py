"""Register the model if it passes the gate."""

from __future__ import annotations

import logging

from mlpo_kit import Ref, Workspace
from mlpo_kit.models.promotion import judge_candidate, register_candidate
from mlpo_kit.reports.page import build_report

from ..settings import RegisterSettings
from . import Registered

log = logging.getLogger(__name__)


def register(
    settings: RegisterSettings,
    work: Workspace,
    model: Ref,
    history: Ref,
    report: Ref,
    metrics: dict[str, float],
    dataset_version: str,
) -> Registered:
    """Register the model under its digest, with its lineage. A refusal is not an error."""
    verdict = judge_candidate(work.run, metrics)
    if not verdict.is_passed:
        log.info("refused: %s", verdict.reason)
        return Registered(None, settings.model_name, is_new=False, verdict=verdict)
    page = work.save_text("report.html", build_report(work.store, work.run.id))
    version, is_new = register_candidate(
        work,
        model,
        metrics=metrics,
        dataset_version=dataset_version,
        history=history,
        files=[page, report],
    )
    return Registered(version.number, settings.model_name, is_new, verdict)
