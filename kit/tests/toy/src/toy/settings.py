"""The settings of the small project."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mlpo_kit.config import OPERATIONAL, BaseSettings, TrainingSettings, section


@section
class IngestSettings:
    """How many numbers there are."""

    rows: Annotated[int, Field(ge=1)] = 100
    version: str = "latest"


@section
class PreprocessSettings:
    """How many of them are for the test."""

    test_share: float = 0.2


@section
class ValidateSettings:
    """How many there must be."""

    min_rows: int = 1


@section
class TrainSettings(TrainingSettings):
    """The training; `fail` makes it raise, as a defect would."""

    fail: bool = False
    sleep_seconds: Annotated[float, OPERATIONAL] = 0.0


@section
class EvaluateSettings:
    """Where the model is measured."""

    device: str = "cpu"


@section
class RegisterSettings:
    """When a model may enter the registry."""

    model_name: str = "toy"
    min_accuracy: float = 0.5
    max_regression: float = 0.01


@section
class DeploySettings:
    """Nothing to choose."""


@section
class Settings(BaseSettings):
    """All settings."""

    ingest: IngestSettings = IngestSettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    validate: ValidateSettings = ValidateSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    register: RegisterSettings = RegisterSettings()
    deploy: DeploySettings = DeploySettings()
