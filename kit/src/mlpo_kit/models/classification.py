"""Measure a classifier; the report page shows the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support


def measure_classes(
    probabilities: np.ndarray, y: np.ndarray, classes: Sequence[str], bins: int = 10
) -> dict[str, Any]:
    """Measure predicted probabilities [n, classes] against true class numbers [n].

    Returns `metrics` (accuracy, macro_f1, log_loss, calibration_error), `per_class`, `classes`,
    `confusion` as counts [truth][prediction], and `calibration` by `bins` bins of confidence.
    """
    predicted, numbers = probabilities.argmax(1), range(len(classes))
    precision, recall, f1, rows = precision_recall_fscore_support(
        y, predicted, labels=numbers, zero_division=0
    )
    calibration = _measure_calibration(probabilities.max(1), predicted == y, bins)
    gaps = sum(abs(b["confidence"] - b["accuracy"]) * b["rows"] for b in calibration)
    shares = probabilities.astype(np.float64)
    shares /= shares.sum(1, keepdims=True)  # float32 sums are rounded; log_loss requires exactly 1
    return {
        "metrics": {
            "accuracy": float((predicted == y).mean()),
            "macro_f1": float(f1.mean()),
            "log_loss": float(log_loss(y, shares, labels=numbers)),
            "calibration_error": float(gaps / len(y)),
        },
        "per_class": [
            {
                "class": name,
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "rows": int(rows[i]),
            }
            for i, name in enumerate(classes)
        ],
        "classes": list(classes),
        "confusion": confusion_matrix(y, predicted, labels=numbers).tolist(),
        "calibration": calibration,
    }


def _measure_calibration(
    confidence: np.ndarray, is_correct: np.ndarray, bins: int
) -> list[dict[str, float]]:
    """Measure each non-empty bin of confidence: Guo et al. 2017, arXiv 1706.04599, section 2."""
    bin_numbers = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "confidence": float(confidence[bin_numbers == i].mean()),
            "accuracy": float(is_correct[bin_numbers == i].mean()),
            "rows": int((bin_numbers == i).sum()),
        }
        for i in np.unique(bin_numbers)
    ]
