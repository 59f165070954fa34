"""The interface of a served model, and an implementation for classifiers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mlpo_kit.config.project import find_project
from mlpo_kit.runs.pipeline import load_pipeline

Predictions = dict[str, list[Any]]


class Predictor(Protocol):
    """A loaded model that can make predictions."""

    def describe(self) -> dict[str, Any]:
        """Describe the model in JSON values, for /health."""

    def predict(self, rows: list[Any]) -> Predictions:
        """Predict raw rows, in the form that ingest writes; returns one value per row, by name.

        Raises ValueError for rows that the model can't use, and says what rows must look like.
        """


class ClassPredictor:
    """A classifier: it predicts `labels`, and the `probabilities` of each class."""

    def __init__(
        self,
        classify: Callable[[np.ndarray], np.ndarray],
        classes: Sequence[str],
        input_shape: tuple[int, ...],
    ) -> None:
        """Wrap `classify`, which maps float32 rows [n, *input_shape] to [n, classes]."""
        self._classify, self._classes, self._shape = classify, list(classes), input_shape

    def describe(self) -> dict[str, Any]:
        """Return the names of the classes and the shape of a row."""
        return {"classes": self._classes, "input_shape": list(self._shape)}

    def predict(self, rows: list[Any]) -> Predictions:
        """Return the most likely class of each row and the probabilities of all classes."""
        try:
            x = np.asarray(rows, np.float32)
        except (ValueError, TypeError):
            raise ValueError("rows must be numbers, and all rows must have one shape") from None
        if x.shape[1:] != self._shape:
            raise ValueError(f"a row must have the shape {self._shape}, not {x.shape[1:]}")
        if not np.isfinite(x).all():
            raise ValueError("rows must be finite numbers")
        probabilities = self._classify(x)
        labels = [self._classes[number] for number in probabilities.argmax(1)]
        return {"labels": labels, "probabilities": probabilities.tolist()}


def load_predictor(model: Path) -> Predictor:
    """Load a model file with the predictor function that PIPELINE names."""
    module, _, name = load_pipeline().predictor.partition(":")
    predictor: Predictor = getattr(find_project().import_module(module), name)(model)
    return predictor
