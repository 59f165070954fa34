"""Enter the factor into the registry, if the gate lets it."""

from __future__ import annotations

from mlpo_kit import Ref, Workspace
from mlpo_kit.models.promotion import judge_candidate, register_candidate

from ..settings import RegisterSettings
from . import Registered


def register(
    settings: RegisterSettings,
    work: Workspace,
    model: Ref,
    history: Ref,
    report: Ref,
    metrics: dict[str, float],
    dataset_version: str,
) -> Registered:
    """Register the model under its digest; a refusal is an outcome."""
    verdict = judge_candidate(work.run, metrics)
    if not verdict.is_passed:
        return Registered(None, settings.model_name, is_new=False, verdict=verdict)
    version, is_new = register_candidate(
        work,
        model,
        metrics=metrics,
        dataset_version=dataset_version,
        history=history,
        files=[report],
    )
    return Registered(version.number, settings.model_name, is_new, verdict)
