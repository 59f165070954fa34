"""The parts of the page that only a classifier has."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np

from mlpo_kit.errors import PipelineError
from mlpo_kit.store.arrays import map_arrays
from mlpo_kit.training.splits import open_splits

ARRAYS = ".safetensors"
PICTURES = 24
MAX_CLASSES = 40  # of a readable confusion matrix


def shade_confusion(evaluation: dict[str, Any]) -> list[list[tuple[int, float]]]:
    """Return the confusion matrix as counts, each with its share of the true class's rows.

    Returns an empty list if there is no matrix, or it is too large to read.
    """
    counts = evaluation.get("confusion", [])
    if len(counts) > MAX_CLASSES or len(evaluation.get("classes", [])) != len(counts):
        return []
    return [[(n, n / max(sum(row), 1)) for n in row] for row in counts]


def draw_calibration(evaluation: dict[str, Any]) -> list[dict[str, float]]:
    """Draw the bins as dots in a 100 x 100 box: x is confidence, y accuracy, the area the rows."""
    bins = evaluation.get("calibration", [])
    most = max((b["rows"] for b in bins), default=1)
    return [
        {
            "x": 100 * b["confidence"],
            "y": 100 - 100 * b["accuracy"],
            "r": 1.5 + 4.5 * (b["rows"] / most) ** 0.5,
            **b,
        }
        for b in bins
    ]


def pick_samples(
    predictions: Path | None, dataset: Path | None, splits: Path | None
) -> list[dict[str, Any]]:
    """Pick test rows with prediction and truth: mistakes first, then by rising confidence.

    Returns an empty list if the predictions are not probabilities, or the splits name no classes.
    """
    if predictions is None or dataset is None or splits is None:
        return []
    if {path.suffix for path in (predictions, dataset, splits)} != {ARRAYS}:
        return []
    try:
        opened, note = open_splits(dataset, splits)
    except PipelineError:  # files in another format
        return []
    probabilities = map_arrays(predictions).get("probabilities")
    test, classes = opened.get("test"), note.get("classes")
    if probabilities is None or test is None or classes is None:
        return []
    y, predicted, confidence = test.targets, probabilities.argmax(1), probabilities.max(1)
    order = np.lexsort((confidence, predicted == y))[:PICTURES]
    return [
        {
            "row": int(i),
            "picture": _draw_picture(sample),
            "predicted": classes[predicted[i]],
            "truth": classes[y[i]],
            "confidence": float(confidence[i]),
            "is_right": bool(predicted[i] == y[i]),
        }
        for i, sample in zip(order, test.read_samples(order), strict=True)
    ]


def _draw_picture(pixels: np.ndarray) -> str | None:
    """Encode pixels, uint8 [1 or 3, height, width], as a PNG data URI; None for other arrays."""
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or len(pixels) not in (1, 3):
        return None
    from PIL import Image

    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
