"""The result of each stage. The stages themselves are in the other modules here, one in each.

A stage is a plain function that knows no orchestrator. It takes its section of the settings, a
workspace and what `pipeline.py` says, and returns a dataclass of references to the files that it
wrote and small values that JSON can hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlpo_kit import Ref, Usage, Verdict


@dataclass(frozen=True)
class Ingested:
    """The dataset and its version, the hash of its content."""

    dataset: Ref
    version: str
    rows: int
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Preprocessed:
    """The samples, and which of their rows are in each split."""

    dataset: Ref
    splits: Ref
    rows: dict[str, int]
    copies_dropped: int


@dataclass(frozen=True)
class Validated:
    """The report of the checks, and the number of rows in each class."""

    report: Ref
    rows_per_class: dict[str, int]


@dataclass(frozen=True)
class Trained:
    """The best weights, and how they were trained."""

    model: Ref
    history: Ref
    best_epoch: int
    val_loss: float  # of the best epoch
    val_accuracy: float
    parameters: int
    samples_per_second: float  # the median of the epochs
    device: str
    precision: str
    data: str  # where the rows were kept
    usage: Usage


@dataclass(frozen=True)
class Evaluated:
    """The main metrics, the full report, and the predictions for the test rows."""

    report: Ref
    predictions: Ref
    metrics: dict[str, float]
    usage: Usage


@dataclass(frozen=True)
class Registered:
    """The model's version in the registry; None if the gate refused it."""

    version: int | None
    name: str
    is_new: bool
    verdict: Verdict


@dataclass(frozen=True)
class Deployed:
    """The alias that now names the version, and how the served model was checked."""

    alias: str
    version: int
    rows_compared: int
    largest_difference: float
