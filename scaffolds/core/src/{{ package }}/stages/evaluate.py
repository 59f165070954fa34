"""Measure the model on the test split, which no earlier stage has used."""

from __future__ import annotations

import logging

import numpy as np
import torch
from mlpo_kit import Ref, Workspace
from mlpo_kit.models.classification import measure_classes
from mlpo_kit.store.arrays import save_arrays
from mlpo_kit.training.batches import Batches
from mlpo_kit.training.device import choose_device, prepare_exact_device
from mlpo_kit.training.meter import meter_usage
from mlpo_kit.training.splits import open_splits

from ..model import Classifier, load
from ..settings import EvaluateSettings
from . import Evaluated

log = logging.getLogger(__name__)


def evaluate(
    settings: EvaluateSettings, work: Workspace, model: Ref, dataset: Ref, splits: Ref
) -> Evaluated:
    """Predict every test row and report accuracy, classes, confusion and calibration."""
    opened, note = open_splits(work.open(dataset), work.open(splits))
    test, classes = opened["test"], note["classes"]
    prepare_exact_device()
    device = choose_device(settings.device)
    rows = Batches(test, device, "stream")
    with meter_usage(device, torch.get_num_threads()) as usage_after:
        probabilities = predict(load(work.open(model), device), rows, settings.batch_size)
        usage = usage_after(rows.waited)

    save_arrays(work.path("predictions.safetensors"), {"probabilities": probabilities}, {})
    report = measure_classes(probabilities, test.targets, classes, settings.calibration_bins)
    metrics: dict[str, float] = report["metrics"]
    log.info("test accuracy %.4f on %d rows", metrics["accuracy"], len(rows))
    return Evaluated(
        report=work.save_json("evaluation.json", report),
        predictions=work.ref("predictions.safetensors"),
        metrics=metrics,
        usage=usage,
    )


@torch.inference_mode()
def predict(model: Classifier, rows: Batches, batch_size: int) -> np.ndarray:
    """Probabilities [n, classes], float32."""
    parts = torch.split(torch.arange(len(rows)), batch_size)
    scores = [model(x).softmax(1).cpu() for x, _ in rows.take(parts)]
    return np.asarray(torch.cat(scores).numpy())
