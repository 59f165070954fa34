"""All settings of a run: configs/base.yaml with a profile on top, checked before anything runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from mlpo_kit.config.documents import Document, merge, parse_yaml, set_value
from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import CachingSettings, Resources, RetentionSettings, section
from mlpo_kit.errors import PipelineError

REGISTRY_VARIABLE = "MLFLOW_TRACKING_URI"


@section
class BaseSettings:
    """What every project sets. A project's `Settings` add a section for each of its stages."""

    project: str
    storage_root: str = "."  # a folder, relative to the project's; or s3://bucket/prefix
    compute: Literal["local", "kubernetes", "batch"] = "local"  # where the stages run
    caching: CachingSettings = CachingSettings()
    retention: RetentionSettings = RetentionSettings()
    resources: dict[str, Resources] = Field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        for stage, wanted in self.resources.items():
            self._check_gpus(stage, wanted.gpu)
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
        if not (settings := getattr(self, stage, None)):
            return
        device = getattr(settings, "device", None)
        if gpus and device != "cuda":
            raise ValueError(
                f"resources.{stage} asks for a GPU and {stage} may do without: "
                + (f"say {stage}.device: cuda" if device else f"{stage} computes on no GPU")
            )
        processes = getattr(settings, "processes", 1)
        if gpus and gpus != processes:
            raise ValueError(
                f"resources.{stage}.gpu is {gpus}, and {stage} starts {processes} process: one for "
                "each GPU" + (f" ({stage}.processes)" if hasattr(settings, "processes") else "")
            )

    @property
    def is_remote(self) -> bool:
        """Whether the store is in a bucket."""
        return "://" in self.storage_root

    @property
    def local_root(self) -> Path:
        """The folder of what stays on this machine: a local store, a local registry."""
        root = find_project().root
        return root if self.is_remote else (root / self.storage_root).resolve()


def find_profile(name: str) -> Path:
    """Find the file of a profile, by its name in configs/ or by a path that ends in .yaml.

    Raises PipelineError with the profiles that there are.
    """
    configs = find_project().configs
    path = Path(name) if name.endswith(".yaml") else configs / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in configs.glob("*.yaml")))
        raise PipelineError(f"there is no profile {name!r} in {configs}; there is: {known}")
    return path


def load_settings(profile: str = "local", changes: Sequence[str] = ()) -> Any:
    """Load the settings of a profile, as an instance of the project's `Settings`.

    `changes` such as `train.epochs=5` come last. Raises PipelineError that names every bad setting.
    """
    return check_settings(read_profile(profile, changes))


def read_profile(profile: str, changes: Sequence[str] = ()) -> Document:
    """Read a profile's settings, with `changes` on top, as one plain document that was checked."""
    return parse_profile(find_profile(profile).read_text(encoding="utf-8"), changes)


def parse_profile(profile_text: str, changes: Sequence[str] = ()) -> Document:
    """Merge a profile's text into the base, as one plain document that was checked."""
    base = parse_yaml(
        (find_project().configs / "base.yaml").read_text(encoding="utf-8"), "configs/base.yaml"
    )
    document = merge(base, parse_yaml(profile_text))
    for assignment in changes:
        document = set_value(document, assignment)
    check_settings(document)
    return document


def check_settings(document: Document) -> Any:
    """Turn a merged document into the project's `Settings`.

    Raises PipelineError that names every bad setting.
    """
    project = find_project()
    try:
        settings = TypeAdapter(project.import_module("settings").Settings).validate_python(document)
    except ValidationError as error:
        raise _explain(describe_errors(error)) from None
    known = project.import_module("pipeline").PIPELINE.cached_names
    if unknown := [name for name in settings.caching.always_run if name not in known]:
        words = f"no cached stage is called {', '.join(unknown)}; there is: {', '.join(known)}"
        raise _explain([f"caching.always_run: {words}"])
    return settings


def describe_errors(error: ValidationError) -> list[str]:
    """Describe each problem that pydantic found: the setting's dotted name, then what is wrong."""
    return [
        ": ".join(filter(None, (".".join(map(str, problem["loc"])), problem["msg"])))
        for problem in error.errors()
    ]


def _explain(problems: list[str]) -> PipelineError:
    return PipelineError("\n  ".join(["these settings in configs/ are wrong:", *problems]))


def check_registry_is_shared(settings: BaseSettings) -> None:
    """Raise PipelineError where stages on several machines would each have their own registry.

    What runs in a cluster has the variable from deploy/cluster.yaml; on this machine it is yours.
    """
    named = os.environ.get(REGISTRY_VARIABLE, "")
    if settings.compute != "local" and not named.startswith(("http://", "https://")):
        raise PipelineError(
            f"compute is {settings.compute}, and the model registry is "
            f"{named or 'a file of this machine'}: set {REGISTRY_VARIABLE} to the MLflow server "
            "that all stages use, http://..."
        )
