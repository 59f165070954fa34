"""YOUR DATA. How diabetes went on for 442 patients: a number to predict from ten others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .settings import IngestSettings


@dataclass(frozen=True)
class Dataset:
    """Samples with their targets: x float32 [n, features], y float32 [n]."""

    x: np.ndarray
    y: np.ndarray

    @property
    def version(self) -> str:
        """SHA-256 of the content, in hex."""
        return hashlib.sha256(self.x.tobytes() + self.y.tobytes()).hexdigest()


def load(settings: IngestSettings) -> Dataset:
    """Read the source that the settings name."""
    return SOURCES[settings.source](settings)


def fingerprint(settings: IngestSettings) -> str | None:
    """What the source holds now: it changes with scikit-learn only."""
    return settings.source


def load_diabetes(settings: IngestSettings) -> Dataset:
    """The data set that comes with scikit-learn, its target scaled to one hundredth."""
    from sklearn.datasets import load_diabetes as read

    x, y = read(return_X_y=True)
    return Dataset(x.astype(np.float32), (y / 100).astype(np.float32))


SOURCES: dict[str, Callable[[IngestSettings], Dataset]] = {"diabetes": load_diabetes}
