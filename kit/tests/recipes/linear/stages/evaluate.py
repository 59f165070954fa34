"""Measure the model on the test split, which nothing has looked at so far."""

from __future__ import annotations

import torch
from mlpo_kit import Ref, Workspace
from mlpo_kit.models.classification import measure_classes
from mlpo_kit.store.arrays import load_note, map_arrays, save_arrays
from mlpo_kit.training.meter import meter_usage

from ..model import load
from ..settings import EvaluateSettings
from . import Evaluated


def evaluate(settings: EvaluateSettings, work: Workspace, model: Ref, splits: Ref) -> Evaluated:
    """Predict every test row and report accuracy, classes, confusion and calibration."""
    path = work.open(splits)
    arrays, classes = map_arrays(path), load_note(path)["classes"]
    with meter_usage(torch.device("cpu")) as usage_after:
        probabilities = load(work.open(model)).classify(arrays["test_x"])
        usage = usage_after(0.0)
    save_arrays(work.path("predictions.safetensors"), {"probabilities": probabilities}, {})
    report = measure_classes(probabilities, arrays["test_y"], classes, settings.calibration_bins)
    return Evaluated(
        report=work.save_json("evaluation.json", report),
        predictions=work.ref("predictions.safetensors"),
        metrics=report["metrics"],
        usage=usage,
    )
