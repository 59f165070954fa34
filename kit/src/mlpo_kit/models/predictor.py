"""What a served model must be able to do, and the usual one: a classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mlpo_kit.config.project import find_project
from mlpo_kit.runs.pipeline import load_pipeline

Predictions = dict[str, list[Any]]


class Predictor(Protocol):
    """A model that is ready to answer."""

    def describe(self) -> dict[str, Any]:
        """Describe the model in JSON values, for /health."""

    def predict(self, rows: list[Any]) -> Predictions:
        """Predict raw rows, as they come out of ingest: lists of one value per row, by name.

        Raises ValueError, with what would be right, for rows that the model can't take.
        """


class ClassPredictor:
    """A predictor of classes: `labels`, and the `probabilities` of each class."""

    def __init__(
        self,
        classify: Callable[[np.ndarray], np.ndarray],
        classes: Sequence[str],
        input_shape: tuple[int, ...],
    ) -> None:
        """Wrap `classify`, from float32 rows [n, *input_shape] to probabilities [n, classes]."""
        self._classify, self._classes, self._shape = classify, list(classes), input_shape

    def describe(self) -> dict[str, Any]:
        """The classes' names, and the shape of a row."""
        return {"classes": self._classes, "input_shape": list(self._shape)}

    def predict(self, rows: list[Any]) -> Predictions:
        """The likeliest class of each row, and the probability of every class."""
        try:
            x = np.asarray(rows, np.float32)
        except (ValueError, TypeError):
            raise ValueError("rows must be numbers, all rows of one shape") from None
        if x.shape[1:] != self._shape:
            raise ValueError(f"a row must have the shape {self._shape}, these have {x.shape[1:]}")
        if not np.isfinite(x).all():
            raise ValueError("rows must be finite numbers")
        probabilities = self._classify(x)
        labels = [self._classes[number] for number in probabilities.argmax(1)]
        return {"labels": labels, "probabilities": probabilities.tolist()}


def load_predictor(model: Path) -> Predictor:
    """Open a model file with the function that PIPELINE names as its predictor."""
    module, _, name = load_pipeline().predictor.partition(":")
    predictor: Predictor = getattr(find_project().import_module(module), name)(model)
    return predictor
