"""Measure the model on the test split, which nothing has looked at so far."""

from __future__ import annotations

import torch
from mlpo_kit import Ref, Workspace
from mlpo_kit.models.classification import measure_classes
from mlpo_kit.store.arrays import save_arrays
from mlpo_kit.training.meter import meter_usage
from mlpo_kit.training.splits import open_splits

from ..model import load
from ..settings import EvaluateSettings
from . import Evaluated


def evaluate(
    settings: EvaluateSettings, work: Workspace, model: Ref, dataset: Ref, splits: Ref
) -> Evaluated:
    """Predict every test row and report accuracy, classes, confusion and calibration."""
    opened, note = open_splits(work.open(dataset), work.open(splits))
    test, classes = opened["test"], note["classes"]
    with meter_usage(torch.device("cpu")) as usage_after:
        probabilities = load(work.open(model)).classify(test.read_samples())
        usage = usage_after(0.0)
    save_arrays(work.path("predictions.safetensors"), {"probabilities": probabilities}, {})
    report = measure_classes(probabilities, test.targets, classes, settings.calibration_bins)
    return Evaluated(
        report=work.save_json("evaluation.json", report),
        predictions=work.ref("predictions.safetensors"),
        metrics=report["metrics"],
        usage=usage,
    )
