"""YOUR MODEL. A logistic regression of scikit-learn, for samples of any shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mlpo_kit.models.predictor import ClassPredictor
from mlpo_kit.store.arrays import load_note, map_arrays, save_arrays
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


@dataclass(frozen=True)
class Classifier:
    """A fitted model as plain arrays: a file without pickle, the same bytes each time."""

    weights: np.ndarray  # [features, classes]
    bias: np.ndarray  # [classes]
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]

    def classify(self, x: np.ndarray) -> np.ndarray:
        """Probabilities [n, classes] of raw samples [n, *input_shape]."""
        scores = x.reshape(len(x), -1).astype(np.float64) @ self.weights + self.bias
        powers = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray((powers / powers.sum(1, keepdims=True)).astype(np.float32))


def make_estimator(strength: float, iterations: int) -> Pipeline:
    """The estimator to fit."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=iterations))


def take_weights(
    fitted: Pipeline, classes: tuple[str, ...], input_shape: tuple[int, ...]
) -> Classifier:
    """Take a fitted estimator apart, with the scaling folded into the weights."""
    scaler, regression = fitted[0], fitted[-1]
    weights = regression.coef_.T / scaler.scale_[:, None]
    bias = regression.intercept_ - scaler.mean_ @ weights
    if len(classes) == 2:  # scikit-learn has one score for two classes
        weights, bias = np.hstack([-weights, weights]) / 2, np.hstack([-bias, bias]) / 2
    return Classifier(weights, bias, classes, input_shape)


def save(model: Classifier, path: Path) -> None:
    """Write the arrays and what they are to one file."""
    note = {"classes": model.classes, "input_shape": model.input_shape}
    save_arrays(path, {"weights": model.weights, "bias": model.bias}, note)


def load(path: Path) -> Classifier:
    """Read what `save` wrote."""
    arrays, note = map_arrays(path), load_note(path)
    weights, bias = np.array(arrays["weights"]), np.array(arrays["bias"])
    return Classifier(weights, bias, tuple(note["classes"]), tuple(note["input_shape"]))


def load_predictor(path: Path) -> ClassPredictor:
    """Open a model for the server."""
    model = load(path)
    return ClassPredictor(model.classify, model.classes, model.input_shape)
