"""YOUR SETTINGS: one section per stage, typed, checked before anything runs.

`configs/base.yaml` holds the values. A profile, such as `configs/local.yaml`, replaces some.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from mlpo_kit.config import BaseSettings, BelowOne, Device, Share, TrainingSettings, section
from pydantic import Field, PositiveFloat, PositiveInt

SplitShare = Annotated[float, Field(gt=0, lt=0.5)]


@section
class IngestSettings:
    """Where the data comes from."""

    source: Literal["digits", "images", "table"] = "digits"
    path: Path | None = None  # images: a folder per class; table: a .npz or .parquet file
    version: str = "latest"  # or the content hash that the data must have
    image_size: Annotated[int, Field(ge=8)] = 32  # images: resized to this many pixels a side
    grayscale: bool = False  # images
    label: str = "label"  # table: the column with the class


@section
class PreprocessSettings:
    """How the data is split; the rows that are not in val or test are for training."""

    val_share: SplitShare = 0.15
    test_share: SplitShare = 0.15
    seed: int = 7


@section
class ValidateSettings:
    """What the prepared data must look like."""

    min_rows_per_class: PositiveInt = 20  # in the training split
    max_imbalance: Annotated[float, Field(ge=1)] = 10.0  # largest class / smallest class
    max_constant_share: Share = 0.05  # blank images, rows of one value
    value_range: tuple[float, float] | None = None  # smallest and largest value allowed


@section
class ModelSettings:
    """The size of the network."""

    width: Annotated[int, Field(ge=4)] = 32  # channels at the start; each group doubles them
    blocks: tuple[PositiveInt, ...] = (1, 1)  # residual blocks in each group
    block: Literal["basic", "bottleneck"] = "basic"
    stem: Literal["small", "large"] = "small"  # large: for pictures of 100 pixels and more
    dropout: BelowOne = 0.1


@section
class TrainSettings(TrainingSettings):
    """The training. `TrainingSettings` adds epochs, batch_size, learning_rate, device and more."""

    label_smoothing: BelowOne = 0.05
    model: ModelSettings = ModelSettings()


@section
class EvaluateSettings:
    """How the model is measured on the test split."""

    batch_size: PositiveInt = 256
    calibration_bins: Annotated[int, Field(ge=2)] = 10
    device: Device = "auto"


@section
class RegisterSettings:
    """When a model may enter the registry, and under which name."""

    model_name: str
    min_accuracy: Share = 0.85
    max_regression: Share = 0.01  # how far the accuracy may be below the champion's


@section
class DeploySettings:
    """How a served model is checked before it becomes the champion."""

    rows: PositiveInt = 64  # test rows that are sent to the served model
    tolerance: PositiveFloat = 1e-3  # the largest allowed difference of a probability
    startup_seconds: PositiveFloat = 120


@section
class Settings(BaseSettings):
    """All settings of a run. `BaseSettings` adds storage, caching, retention and resources."""

    ingest: IngestSettings = IngestSettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    validate: ValidateSettings = ValidateSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    register: RegisterSettings
    deploy: DeploySettings = DeploySettings()
