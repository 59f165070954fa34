"""Every setting of the pipeline: one section per stage, typed, checked before anything runs.

`configs/base.yaml` holds the values, a profile what differs from them, such as `configs/local.yaml`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from .kit.documents import change, merge, read_yaml
from .kit.errors import PipelineError
from .kit.local import LocalStore
from .kit.policies import STRICT, CachingSettings, Resources, RetentionSettings
from .kit.store import Store

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"

Share = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
SplitShare = Annotated[float, Field(gt=0, lt=0.5)]
Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class IngestSettings:
    """Where the data comes from."""

    source: Literal["digits", "images", "table"] = "digits"
    path: Path | None = None  # images: a folder per class; table: a .npz or .parquet file
    version: str = "latest"  # or the content hash that the data must have
    image_size: Annotated[int, Field(ge=8)] = 32  # images: resized to this many pixels a side
    grayscale: bool = False  # images
    label: str = "label"  # table: the column with the class


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PreprocessSettings:
    """How the data is split; what is not in val or test is for training."""

    val_share: SplitShare = 0.15
    test_share: SplitShare = 0.15
    seed: int = 7


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ValidateSettings:
    """What the prepared data must look like."""

    min_rows_per_class: PositiveInt = 20  # in the training split
    max_imbalance: Annotated[float, Field(ge=1)] = 10.0  # largest class / smallest class
    max_constant_share: Share = 0.05  # blank images, rows of one value
    value_range: tuple[float, float] | None = None  # smallest and largest value allowed


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ModelSettings:
    """The size of the network."""

    width: Annotated[int, Field(ge=4)] = 32  # channels at first; each later stage doubles them
    blocks: tuple[PositiveInt, ...] = (1, 1)  # residual blocks per stage
    block: Literal["basic", "bottleneck"] = "basic"
    stem: Literal["small", "large"] = "small"  # large: for pictures of 100 pixels and more
    dropout: BelowOne = 0.1


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainSettings:
    """The training loop."""

    epochs: PositiveInt = 20
    batch_size: Annotated[int, Field(ge=2)] = 64  # of all processes together
    accumulate: PositiveInt = 1  # parts that a batch is computed in, where it takes too much memory
    learning_rate: PositiveFloat = 3e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    warmup_share: BelowOne = 0.1  # of all steps
    clip_norm: PositiveFloat = 1.0
    label_smoothing: BelowOne = 0.05
    patience: PositiveInt = 8  # epochs without a better validation loss
    seed: int = 7
    device: Device = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # auto: fp32 but on GPUs
    compile: bool = False  # torch.compile: minutes at first, then faster; needs a C++ compiler
    data: Literal["auto", "device", "stream"] = "auto"  # auto: on the device where the rows fit
    loader_threads: PositiveInt = 2  # that stream rows to the device
    threads: PositiveInt = 1  # of the CPU; fixed, for the same result on the same machine
    processes: PositiveInt = 1  # on each machine, one per GPU
    nodes: PositiveInt = 1  # machines that train one model together
    timeout_seconds: PositiveFloat = 600  # that a process waits for another
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 60  # between two checkpoints
    model: ModelSettings = ModelSettings()

    def __post_init__(self) -> None:
        """Refuse a batch that can't be dealt out evenly."""
        parts = self.processes * self.nodes * self.accumulate
        if self.batch_size % parts:
            raise ValueError(
                f"batch_size ({self.batch_size}) must be a multiple of processes x nodes x "
                f"accumulate ({parts})"
            )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EvaluateSettings:
    """How the model is measured on the test split."""

    batch_size: PositiveInt = 256
    calibration_bins: Annotated[int, Field(ge=2)] = 10
    device: Device = "auto"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RegisterSettings:
    """When a model may enter the registry, and under which name."""

    model_name: str
    min_accuracy: Share = 0.85
    max_regression: Share = 0.01  # accuracy that may be lost to the champion


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DeploySettings:
    """How the candidate must prove itself before it becomes the champion."""

    rows: PositiveInt = 64  # test rows sent to the served candidate
    tolerance: PositiveFloat = 1e-3  # largest difference of a probability
    startup_seconds: PositiveFloat = 120


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Settings:
    """All settings of a run."""

    project: str
    storage_root: str = "."  # a folder, relative to the project's; or s3://bucket/prefix
    compute: Literal["local", "kubernetes", "batch"] = "local"  # where the stages run
    ingest: IngestSettings = IngestSettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    validate: ValidateSettings = ValidateSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    register: RegisterSettings
    deploy: DeploySettings = DeploySettings()
    caching: CachingSettings = CachingSettings()
    retention: RetentionSettings = RetentionSettings()
    resources: dict[str, Resources] = Field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        for stage, asked in self.resources.items():
            self._check_gpus(stage, asked.gpu)
        if self.compute != "local" and not self.is_remote and self.storage_root[:1] != "/":
            raise ValueError(
                f"compute is {self.compute}, and storage_root, {self.storage_root}, is a folder of "
                "this machine: set it to a bucket that all stages reach, s3://..."
            )
        if self.caching.max_age_days >= self.retention.keep_days:
            raise ValueError(
                f"caching.max_age_days ({self.caching.max_age_days:g}) must be less than "
                f"retention.keep_days ({self.retention.keep_days:g})"
            )

    def _check_gpus(self, stage: str, gpus: int) -> None:
        """A stage that holds GPUs must use them all, or fail where there are none."""
        if not (section := getattr(self, stage, None)):  # no such stage: the layer above says so
            return
        device = getattr(section, "device", None)
        if gpus and device != "cuda":
            raise ValueError(
                f"resources.{stage} asks for a GPU and {stage} may do without: "
                + (f"say {stage}.device: cuda" if device else f"{stage} computes on no GPU")
            )
        if gpus and gpus != getattr(section, "processes", 1):
            raise ValueError(
                f"resources.{stage}.gpu is {gpus}, and {stage} starts "
                f"{getattr(section, 'processes', 1)} process: one for each GPU"
                + (" (train.processes)" if stage == "train" else "")
            )

    @property
    def is_remote(self) -> bool:
        """Whether the store is in a bucket."""
        return "://" in self.storage_root

    @property
    def store(self) -> Store:
        """Where payloads and records are kept. Raises PipelineError when it can't be reached."""
        if not self.is_remote:
            return LocalStore(self.local_root)
        from .kit.remote import RemoteStore  # takes half a second to import

        return RemoteStore(self.storage_root, self.retention.max_run_hours * 3600)

    @property
    def local_root(self) -> Path:
        """The folder of what stays on this machine: a local store, a local registry."""
        return ROOT if self.is_remote else (ROOT / self.storage_root).resolve()


_SETTINGS = TypeAdapter(Settings)


def find(profile: str) -> Path:
    """The file of a profile, given by its name in configs/ or by a path that ends in .yaml."""
    path = Path(profile) if profile.endswith(".yaml") else CONFIGS / f"{profile}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.yaml")))
        raise PipelineError(f"there is no profile {profile!r} in {CONFIGS}; there is: {known}")
    return path


def load(profile: str = "local", changes: Sequence[str] = ()) -> Settings:
    """The settings of a profile: base.yaml with its values on top.

    `changes` such as `train.epochs=5` come last.
    """
    document = read(profile)
    for assignment in changes:
        document = change(document, assignment)
    return from_document(document)


def read(profile: str) -> dict[str, Any]:
    """The settings of a profile as one plain document that was checked."""
    return parse(find(profile).read_text(encoding="utf-8"))


def parse(profile_text: str) -> dict[str, Any]:
    """A profile's text merged into the base, as one plain document that was checked."""
    base = read_yaml((CONFIGS / "base.yaml").read_text(encoding="utf-8"))
    document = merge(base, read_yaml(profile_text))
    from_document(document)
    return document


def from_document(document: dict[str, Any]) -> Settings:
    """Check a merged document; raises PipelineError that names every bad setting."""
    try:
        return _SETTINGS.validate_python(document)
    except ValidationError as error:
        lines = [
            "  " + ": ".join(filter(None, (".".join(map(str, problem["loc"])), problem["msg"])))
            for problem in error.errors()
        ]
        raise PipelineError("these settings in configs/ are wrong:\n" + "\n".join(lines)) from None
