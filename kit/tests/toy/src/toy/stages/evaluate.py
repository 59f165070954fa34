"""Measure the factor."""

from __future__ import annotations

from mlpo_kit import Ref, Usage, Workspace

from ..settings import EvaluateSettings
from . import Evaluated


def evaluate(
    settings: EvaluateSettings, work: Workspace, model: Ref, dataset: Ref, splits: Ref
) -> Evaluated:
    """Predict the test rows."""
    factor = work.read_json(model)["factor"]
    numbers = work.read_json(dataset)
    test = [numbers[row] for row in work.read_json(splits)["test"]]
    return Evaluated(
        report=work.save_json("evaluation.json", {"metrics": {"accuracy": factor}}),
        predictions=work.save_json("predictions.json", [factor * number for number in test]),
        metrics={"accuracy": factor, "log_loss": 1 - factor},
        usage=Usage(settings.device, 0, 0.0, None, 0.0, 0),
    )
