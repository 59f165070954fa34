"""The pipeline as data: its stages, their inputs, and the gate. Defined in one place only."""

from __future__ import annotations

import copy
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError, suggest
from mlpo_kit.runs.gate import Gate
from mlpo_kit.store.base import Ref

R = TypeVar("R")

# Files in a run's folder that no stage wrote, by the name of the stage whose record, lock or folder
# would be the same file.
OTHER_FILES = {
    "run": "run.json",
    "sweep": "sweep.json",
    "import": "import.json",
    "tracking": "tracking.json",
    "sending": ".sending.lock",
    "keep": "keep",
}


class Stage(Generic[R]):
    """A stage: the function `<name>` in `<package>/stages/<name>.py`.

    The function is imported only when it has to run, not when the cache has its result.
    """

    def __init__(
        self,
        name: str,
        result: type[R],
        /,
        *,
        cached: bool = True,
        source: str | None = None,
        **inputs: str,
    ) -> None:
        """Declare a stage.

        `result` is the dataclass that it returns: references, and values that JSON can hold.
        `inputs` maps each input to the output that it comes from: `model="train.model"`. A stage
        that is not `cached` always runs. `source` names a function, such as `data:fingerprint`,
        that takes the stage's settings and returns a fingerprint of its external data, or None if
        only a run can tell.
        """
        self.name, self.result, self.inputs = name, result, inputs
        self.cached, self.source = cached, source
        self.package = ""  # set by the pipeline
        self.function: Callable[..., R] | None = None  # replaces the function of its module
        self.record_name = name  # its name in the run; different for a trial of a sweep

    @property
    def module(self) -> str:
        """The full name of the module that holds its function."""
        if self.function is not None:
            return self.function.__module__
        return f"{self.package}.stages.{self.name}"

    @property
    def outputs(self) -> dict[str, Any]:
        """The types of its outputs, by name."""
        hints = typing.get_type_hints(self.result, include_extras=True)
        return {field.name: hints[field.name] for field in fields(self.result)}  # type: ignore[arg-type]

    def load(self) -> Callable[..., R]:
        """Import and return the function."""
        if self.function is not None:
            return self.function
        function: Callable[..., R] = getattr(import_module(self.module), self.name)
        return function

    def recorded_as(self, record_name: str) -> Stage[R]:
        """Return a copy with another name in the run, for a trial of a sweep."""
        return self._changed(record_name=record_name)

    def with_function(self, function: Callable[..., R]) -> Stage[R]:
        """Return a copy that runs another function."""
        return self._changed(function=function)

    def _changed(self, **values: Any) -> Stage[R]:
        changed = copy.copy(self)
        vars(changed).update(values)
        return changed


@dataclass(frozen=True)
class Highlights:
    """Outputs to show in a run's summary, each as `<stage>.<output>`; missing ones are skipped."""

    dataset: str = "ingest.version"
    model: str = "train.model"
    device: str = "train.device"
    version: str = "register.version"
    alias: str = "deploy.alias"


class Pipeline(Mapping[str, Stage[Any]]):
    """The stages by name, in the order in which they run.

    PIPELINE = Pipeline(
        Stage("ingest", Ingested, source="data:fingerprint"),
        Stage("train", Trained, dataset="ingest.dataset"),
        Stage("evaluate", Evaluated, model="train.model"),
        gate=Gate("evaluate.metrics.accuracy", bound="register.min_accuracy"),
        predictor="model:load_predictor",
        package=__package__,
    )
    """

    def __init__(
        self,
        *stages: Stage[Any],
        package: str,
        gate: Gate | None = None,
        training_stage: str = "train",
        predictor: str = "model:load_predictor",
        report: str | None = None,
        model_name: str = "register.model_name",
        highlights: Highlights | None = None,
    ) -> None:
        """Define a pipeline; raises PipelineError that lists every inconsistency.

        `package` is the project's package. `training_stage` is the stage that trains the model:
        sweeps vary its settings, and it may run in several processes. `predictor` names the
        function that opens a model for the server, `report` a function that adds sections to a
        run's page, and `model_name` the setting that names the model in the registry.
        """
        self.package, self.gate, self.training_stage = package, gate, training_stage
        self.predictor, self.report, self.model_name = predictor, report, model_name
        self.highlights = highlights or Highlights()
        self._stages = {stage.name: stage for stage in stages}
        for stage in stages:
            stage.package = package
        if problems := list(self._find_problems(stages)):
            raise PipelineError("\n  ".join([f"{package}: PIPELINE does not fit:", *problems]))

    def __getitem__(self, name: str) -> Stage[Any]:
        """Return the stage of this name; raises PipelineError if there is none."""
        if name in self._stages:
            return self._stages[name]
        raise PipelineError(f"there is no stage {name!r}{suggest(name, self._stages)}")

    def __contains__(self, name: object) -> bool:
        """Whether there is a stage of this name."""
        return name in self._stages

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the stages, in order."""
        return iter(self._stages)

    def __len__(self) -> int:
        """Count the stages."""
        return len(self._stages)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        return tuple(self._stages)

    @property
    def cached_names(self) -> tuple[str, ...]:
        """The names of the stages whose results may be reused."""
        return tuple(name for name, stage in self._stages.items() if stage.cached)

    def to_document(self) -> dict[str, Any]:
        """Describe the graph as a document, as `mlpo-kit graph --json` prints it."""
        return {
            "schema_version": 1,
            "package": self.package,
            "stages": [
                {
                    "name": stage.name,
                    "inputs": dict(stage.inputs),
                    "outputs": {
                        name: "reference" if is_reference(hint) else "value"
                        for name, hint in stage.outputs.items()
                    },
                    "cached": stage.cached,
                }
                for stage in self._stages.values()
            ],
            "gate": None if self.gate is None else dict(vars(self.gate)),
        }

    def _find_problems(self, stages: tuple[Stage[Any], ...]) -> Iterator[str]:
        earlier: dict[str, Stage[Any]] = {}
        for stage in stages:
            if stage.name in earlier:
                yield f"{stage.name}: there are two stages of this name"
            if stage.name in OTHER_FILES:
                yield (
                    f"{stage.name}: a run has a file {OTHER_FILES[stage.name]} of its own, which a "
                    f"stage of this name would overwrite: rename it, as in {stage.name}_model"
                )
            if not is_dataclass(stage.result):
                yield f"{stage.name}: its result is not a dataclass: {stage.result!r}"
            for name, source in stage.inputs.items():
                yield from _find_missing(f"{stage.name}.{name}", source, earlier)
            earlier[stage.name] = stage
        if self.gate is not None:
            output = ".".join(self.gate.metric.split(".")[:2])
            yield from _find_missing("gate", output, earlier)
        if self.training_stage not in earlier:
            hint = suggest(self.training_stage, earlier)
            yield f"training_stage: there is no stage {self.training_stage!r}{hint}"


def read_setting(settings: Any, name: str) -> Any:
    """Read a setting by its dotted name, such as `register.min_accuracy`."""
    for part in name.split("."):
        settings = getattr(settings, part)
    return settings


def load_pipeline() -> Pipeline:
    """Load PIPELINE of the project that contains the working folder.

    Raises PipelineError if there is no project or no PIPELINE, or if PIPELINE is inconsistent.
    """
    pipeline: Pipeline = find_project().load("pipeline", "PIPELINE")
    return pipeline


def is_reference(hint: Any) -> bool:
    """Whether an output of this type is a reference, with or without an annotation."""
    return hint is Ref or (typing.get_args(hint) or (None,))[0] is Ref


def _find_missing(where: str, source: str, earlier: Mapping[str, Stage[Any]]) -> Iterator[str]:
    """Find why `source`, as `<stage>.<output>`, is not an output of an earlier stage."""
    producer, _, output = source.partition(".")
    if producer not in earlier:
        yield f"{where}: there is no earlier stage {producer!r}{suggest(producer, earlier)}"
    elif output not in (outputs := earlier[producer].outputs):
        yield f"{where}: {producer} has no output {output!r}{suggest(output, outputs)}"
