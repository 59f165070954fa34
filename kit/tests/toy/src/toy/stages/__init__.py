"""What each stage hands on."""

from __future__ import annotations

from dataclasses import dataclass

from mlpo_kit import Ref, Usage, Verdict


@dataclass(frozen=True)
class Ingested:
    """The numbers, and their version."""

    dataset: Ref
    version: str
    rows: int


@dataclass(frozen=True)
class Preprocessed:
    """The numbers, and which rows of them each split has."""

    dataset: Ref
    splits: Ref
    rows: dict[str, int]


@dataclass(frozen=True)
class Validated:
    """What was checked."""

    report: Ref


@dataclass(frozen=True)
class Trained:
    """The factor, and how it came about."""

    model: Ref
    history: Ref
    best_epoch: int
    val_loss: float
    val_accuracy: float
    samples_per_second: float
    device: str
    usage: Usage


@dataclass(frozen=True)
class Evaluated:
    """How good the factor is."""

    report: Ref
    predictions: Ref
    metrics: dict[str, float]
    usage: Usage


@dataclass(frozen=True)
class Registered:
    """The version; None where the gate refused it."""

    version: int | None
    name: str
    is_new: bool
    verdict: Verdict


@dataclass(frozen=True)
class Deployed:
    """The alias that names the version."""

    alias: str
    version: int
