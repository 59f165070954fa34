"""What each stage hands on. The stages' work is in the modules beside, one for each.

A stage is a plain function that knows no orchestrator. It takes its own settings section, a
workspace and what `pipeline.py` says, and returns a dataclass: references to what it wrote, and
small values that JSON can hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlpo_kit import Ref, Usage, Verdict


@dataclass(frozen=True)
class Ingested:
    """The data as it was read, and its version: the hash of its content."""

    dataset: Ref
    version: str
    rows: int
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Preprocessed:
    """The samples, which of their rows each split has, and how many."""

    dataset: Ref
    splits: Ref
    rows: dict[str, int]
    copies_dropped: int


@dataclass(frozen=True)
class Validated:
    """What was checked and measured."""

    report: Ref
    rows_per_class: dict[str, int]


@dataclass(frozen=True)
class Trained:
    """The best weights, and how they came about."""

    model: Ref
    history: Ref
    best_epoch: int
    val_loss: float  # of the best epoch
    val_accuracy: float
    parameters: int
    samples_per_second: float  # while it trained, in the middle one of the epochs
    device: str
    precision: str
    data: str  # where the rows waited
    usage: Usage


@dataclass(frozen=True)
class Evaluated:
    """Headline metrics, the whole report, and the predictions of the test rows."""

    report: Ref
    predictions: Ref
    metrics: dict[str, float]
    usage: Usage


@dataclass(frozen=True)
class Registered:
    """The model's version in the registry; None where the gate refused it."""

    version: int | None
    name: str
    is_new: bool
    verdict: Verdict


@dataclass(frozen=True)
class Deployed:
    """The alias that now names the version, and how the served candidate did."""

    alias: str
    version: int
    rows_compared: int
    largest_difference: float
