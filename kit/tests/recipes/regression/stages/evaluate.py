"""Measure the model on the test split, which nothing has looked at so far."""

from __future__ import annotations

import torch
from mlpo_kit import Ref, Workspace
from mlpo_kit.store.arrays import save_arrays
from mlpo_kit.training.meter import meter_usage
from mlpo_kit.training.splits import open_splits
from sklearn.metrics import mean_absolute_error, r2_score

from ..model import load
from ..settings import EvaluateSettings
from . import Evaluated


def evaluate(
    settings: EvaluateSettings, work: Workspace, model: Ref, dataset: Ref, splits: Ref
) -> Evaluated:
    """Predict every test row and report how far off the values are."""
    opened, _ = open_splits(work.open(dataset), work.open(splits))
    x, y = opened["test"].read_samples(), opened["test"].targets
    with meter_usage(torch.device("cpu")) as usage_after, torch.inference_mode():
        values = load(work.open(model))(torch.from_numpy(x)).numpy()
        usage = usage_after(0.0)
    save_arrays(work.path("predictions.safetensors"), {"values": values}, {})
    metrics = {
        "mean_absolute_error": float(mean_absolute_error(y, values)),
        "r2": float(r2_score(y, values)),
    }
    return Evaluated(
        report=work.save_json("evaluation.json", {"metrics": metrics}),
        predictions=work.ref("predictions.safetensors"),
        metrics=metrics,
        usage=usage,
    )
