"""The settings of a run: configs/base.yaml overridden by a profile, checked before the run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError

from mlpo_kit.config.documents import (
    Document,
    find_line,
    locate,
    merge,
    parse_yaml,
    set_value,
)
from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import CachingSettings, Resources, RetentionSettings, section
from mlpo_kit.errors import PipelineError, suggest

REGISTRY_VARIABLE = "MLFLOW_TRACKING_URI"
Place = tuple[int | str, ...]  # the keys that lead to a setting in a document


@dataclass(frozen=True)
class Layer:
    """A file or an option that sets values: its name in messages, its document and its text."""

    name: str
    document: Document
    text: str = ""  # empty for an option, which has no lines

    def find_line(self, place: Place) -> int | None:
        """Find the line that sets the value at a place; None for an option."""
        return find_line(self.text, place) if self.text else None


@section
class BaseSettings:
    """The settings of every project. A project's `Settings` add one section per stage."""

    project: str
    storage_root: str = "."  # a folder, relative to the project, or s3://bucket/prefix
    compute: Literal["local", "kubernetes", "batch"] = "local"  # where the stages run
    caching: CachingSettings = CachingSettings()
    retention: RetentionSettings = RetentionSettings()
    resources: dict[str, Resources] = Field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError that lists all contradictions between settings."""
        if problems := list(self._find_contradictions()):
            raise ValueError("\n  ".join(problems))

    def _find_contradictions(self) -> Iterator[str]:
        for stage, resources in self.resources.items():
            yield from self._check_gpus(stage, resources.gpu)
        if self.compute != "local" and not self.is_remote and self.storage_root[:1] != "/":
            yield (
                f"compute is {self.compute}, but storage_root, {self.storage_root}, is a folder of "
                "this machine: set it to a bucket that all stages can reach, s3://..."
            )
        if self.caching.max_age_days >= self.retention.keep_days:
            yield (
                f"caching.max_age_days ({self.caching.max_age_days:g}) must be less than "
                f"retention.keep_days ({self.retention.keep_days:g})"
            )

    def _check_gpus(self, stage: str, gpus: int) -> Iterator[str]:
        """Find why a stage would not use all GPUs that it requests, or would run without one."""
        settings = getattr(self, stage, None)
        if not gpus or settings is None:
            return
        device = getattr(settings, "device", None)
        if device != "cuda":
            yield f"resources.{stage} requests a GPU, but {stage} " + (
                f"may run without one: set {stage}.device: cuda" if device else "never uses one"
            )
        processes = getattr(settings, "processes", 1)
        if gpus != processes:
            yield (
                f"resources.{stage}.gpu is {gpus}, but {stage} starts {processes} process: it "
                "must start one for each GPU"
                + (f" ({stage}.processes)" if hasattr(settings, "processes") else "")
            )

    @property
    def is_remote(self) -> bool:
        """Whether the store is in a bucket."""
        return "://" in self.storage_root

    @property
    def local_root(self) -> Path:
        """The folder of what stays on this machine: the local store and the local registry."""
        root = find_project().root
        return root if self.is_remote else (root / self.storage_root).resolve()


def find_profile(name: str) -> Path:
    """Find the file of a profile by its name in configs/ or by a path that ends in .yaml.

    Raises PipelineError that lists the existing profiles if there is no such file.
    """
    configs = find_project().configs
    path = Path(name) if name.endswith(".yaml") else configs / f"{name}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in configs.glob("*.yaml"))
        hint = suggest(name, known) or f"; there is: {', '.join(known) or 'none'}"
        raise PipelineError(f"there is no profile {name!r} in {configs}{hint}")
    return path


def load_settings(profile: str = "local", changes: Sequence[str] = ()) -> Any:
    """Load the settings of a profile as an instance of the project's `Settings`.

    `changes`, such as `train.epochs=5`, override the profile. Raises PipelineError that names
    every bad setting.
    """
    return check_settings(read_profile(profile, changes))


def read_profile(profile: str, changes: Sequence[str] = ()) -> Document:
    """Read a profile, overridden by `changes`, as one plain, checked document."""
    path = find_profile(profile)
    return parse_profile(path.read_text(encoding="utf-8"), changes, name_file(path))


def name_file(path: Path) -> str:
    """Name a settings file in a message: `configs/local.yaml`, or its path if it is elsewhere."""
    return f"configs/{path.name}" if path.parent == find_project().configs else str(path)


def parse_profile(
    profile_text: str, changes: Sequence[str] = (), name: str = "a file in configs/"
) -> Document:
    """Merge base.yaml, a profile's text and `changes` into one plain, checked document.

    Messages refer to the profile's file as `name`.
    """
    base = find_project().configs / "base.yaml"
    if not base.is_file():
        raise PipelineError(f"there is no {base}: it holds the settings that profiles change")
    texts = {"configs/base.yaml": base.read_text(encoding="utf-8"), name: profile_text}
    layers = [
        *(Layer(file, parse_yaml(text, file), text) for file, text in texts.items()),
        *(Layer(f"--set {change}", change_setting({}, change)) for change in changes),
    ]
    document: Document = {}
    for layer in layers:
        document = merge(document, layer.document)
    _check(document, layers)
    return document


def change_setting(document: Document, change: str) -> Document:
    """Return the document with one setting changed by an assignment such as `train.epochs=5`.

    The value is parsed as YAML. If the setting accepts only the text as typed, it gets the text: a
    version of 64 digits stays a text. Raises PipelineError if the change does not have this form.
    """
    for as_text in (False, True):
        layer = set_value({}, change, as_text)
        if not _is_refused(layer, tuple(change.partition("=")[0].split("."))):
            return merge(document, layer)
    return set_value(document, change)  # the check of the whole document reports what is wrong


def _is_refused(document: Document, place: Place) -> bool:
    """Whether the setting at `place` has an invalid value; other settings may be missing."""
    try:
        TypeAdapter(find_project().load("settings", "Settings")).validate_python(document)
    except ValidationError as error:
        return any(problem["loc"][: len(place)] == place for problem in error.errors())
    return False


def check_settings(document: Document) -> Any:
    """Turn a merged document into the project's `Settings`.

    Raises PipelineError that names every bad setting.
    """
    return _check(document, ())


def _check(document: Document, layers: Sequence[Layer]) -> Any:
    """Build the settings from a document; messages say which of its `layers` is wrong, and where.

    `layers` are what was merged into it, the lowest first.
    """
    project = find_project()
    settings = project.load("settings", "Settings")
    problems = list(_find_unknown_stages(document, project.load("pipeline", "PIPELINE")))
    checked = None
    try:
        checked = TypeAdapter(settings).validate_python(document)
    except ValidationError as error:
        listed = zip(error.errors(), describe_errors(error, settings), strict=True)
        problems += [(problem["loc"], text) for problem, text in listed]
    if problems:
        located = sorted((*_find_layer(place, layers), text) for place, text in problems)
        lines = [
            f"{locate(name, line or None)}: {text}" if name else text
            for name, line, text in located
        ]
        raise PipelineError("\n  ".join(["these settings are wrong:", *lines]), lines)
    return checked


def _find_unknown_stages(document: Document, pipeline: Any) -> Iterator[tuple[Place, str]]:
    """Find settings that name a stage which does not exist or is not cached."""
    resources, caching = document.get("resources"), document.get("caching")
    for stage in resources if isinstance(resources, dict) else ():
        if stage not in pipeline.names:
            hint = _suggest_stage(str(stage), pipeline.names)
            yield ("resources", stage), f"resources.{stage}: there is no such stage{hint}"
    always = caching.get("always_run") if isinstance(caching, dict) else None
    for stage in always if isinstance(always, (list, tuple)) else ():
        if stage not in pipeline.cached_names:
            hint = _suggest_stage(str(stage), pipeline.cached_names)
            words = f"caching.always_run: no cached stage is called {stage!r}{hint}"
            yield ("caching", "always_run"), words


def _suggest_stage(name: str, known: Sequence[str]) -> str:
    return suggest(name, known) or f"; there is: {', '.join(known)}"


def _find_layer(place: Place, layers: Sequence[Layer]) -> tuple[str, int]:
    """Find the file or option that sets the value at `place`, and the line there.

    The name is empty if none does, the line is 0 if there is none.
    """
    for layer in reversed(layers):
        value: Any = layer.document
        for step in place:
            if not isinstance(value, dict):
                break
            if step not in value:
                value = None
                break
            value = value[step]
        if place and value is not None:
            return layer.name, layer.find_line(place) or 0
    return "", 0


def describe_errors(error: ValidationError, cls: Any = None) -> list[str]:
    """Describe each problem that pydantic found: the setting's dotted name, then the problem.

    Given the settings class, unknown names come with a suggestion.
    """
    return [
        _describe(problem["loc"], problem["type"], problem["msg"], cls)
        for problem in error.errors()
    ]


def _describe(place: Place, kind: str, message: str, cls: Any) -> str:
    message = message.removeprefix("Value error, ")
    if kind == "unexpected_keyword_argument":
        known = _find_names(cls, place[:-1])
        message = f"there is no such setting{suggest(str(place[-1]), known)}"
    elif kind in ("missing", "missing_argument", "missing_keyword_only_argument"):
        message = "this setting has no default: set it"
    return ": ".join(filter(None, (".".join(map(str, place)), message)))


def _find_names(cls: Any, place: Place) -> list[str]:
    """List the names of the settings in the section at `place`; none if they are not known."""
    for step in place:
        section_fields = getattr(cls, "__pydantic_fields__", None)
        if section_fields is None:  # a mapping or list of sections, or an optional section
            sections = [part for part in get_args(cls) if hasattr(part, "__pydantic_fields__")]
            cls = next(iter(sections), None)
        else:
            cls = section_fields[step].annotation if step in section_fields else None
    return list(getattr(cls, "__pydantic_fields__", ()))


def check_registry_is_shared(settings: BaseSettings) -> None:
    """Raise PipelineError if stages on several machines would each use a registry of their own.

    Pods in a cluster get the variable from deploy/cluster.yaml; on this machine the user sets it.
    """
    registry = os.environ.get(REGISTRY_VARIABLE, "")
    if settings.compute != "local" and not registry.startswith(("http://", "https://")):
        raise PipelineError(
            f"compute is {settings.compute}, but the model registry is "
            f"{registry or 'a file of this machine'}: set {REGISTRY_VARIABLE} to the MLflow server "
            "that all stages use, http://..."
        )
