"""Measure the model on the test split, which nothing has looked at so far."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from mlpo_kit import Ref, Workspace
from mlpo_kit.store.arrays import load_note, map_arrays, save_arrays
from mlpo_kit.training.batches import Batches
from mlpo_kit.training.device import choose_device, prepare_exact_device
from mlpo_kit.training.meter import meter_usage

from ..model import Classifier, load
from ..settings import EvaluateSettings
from . import Evaluated

log = logging.getLogger(__name__)


def evaluate(settings: EvaluateSettings, work: Workspace, model: Ref, splits: Ref) -> Evaluated:
    """Predict every test row and report accuracy, classes, confusion and calibration."""
    path = work.open(splits)
    arrays, classes = map_arrays(path), load_note(path)["classes"]
    x, y = arrays["test_x"], arrays["test_y"]
    prepare_exact_device()
    device = choose_device(settings.device)
    rows = Batches(x, y, device, "stream")
    with meter_usage(device, torch.get_num_threads()) as usage_after:
        probabilities = predict(load(work.open(model), device), rows, settings.batch_size)
        usage = usage_after(rows.waited)

    save_arrays(work.path("predictions.safetensors"), {"probabilities": probabilities}, {})
    report = measure(probabilities, y, classes, settings.calibration_bins)
    metrics: dict[str, float] = report["metrics"]
    log.info("test accuracy %.4f on %d rows", metrics["accuracy"], len(y))
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


def measure(
    probabilities: np.ndarray, y: np.ndarray, classes: list[str], bins: int
) -> dict[str, Any]:
    """The evaluation report: metrics, per class, confusion [truth][prediction], calibration."""
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    right = predicted == y
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (y, predicted), 1)
    hits, truths, guesses = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    precision, recall = hits / np.maximum(guesses, 1), hits / np.maximum(truths, 1)
    f1 = 2 * hits / np.maximum(truths + guesses, 1)

    # Expected calibration error: Guo et al. 2017, arXiv 1706.04599, equation 3.
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    calibration = [
        {
            "confidence": float(confidence[place == i].mean()),
            "accuracy": float(right[place == i].mean()),
            "rows": int((place == i).sum()),
        }
        for i in range(bins)
        if (place == i).any()
    ]
    gaps = sum(abs(b["confidence"] - b["accuracy"]) * b["rows"] for b in calibration)
    likelihood = np.maximum(probabilities[np.arange(len(y)), y], 1e-12)
    return {
        "metrics": {
            "accuracy": float(right.mean()),
            "macro_f1": float(f1.mean()),
            "log_loss": float(-np.log(likelihood).mean()),
            "calibration_error": float(gaps / len(y)),
        },
        "per_class": [
            {
                "class": name,
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "rows": int(truths[i]),
            }
            for i, name in enumerate(classes)
        ],
        "classes": list(classes),
        "confusion": confusion.tolist(),
        "calibration": calibration,
    }
