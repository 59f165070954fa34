"""The pipeline as data: its stages, what each takes from which, and the gate. Stated once."""

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


class Stage(Generic[R]):
    """A stage by its name: the function `<name>` in `<package>/stages/<name>.py`.

    It is imported when it has to run, and not when the cache has what it would return.
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
        `inputs` say where each of its inputs comes from: `model="train.model"`. A stage that is
        not `cached` always runs. `source` names a function, `data:fingerprint`, that tells from the
        stage's settings what the outside world holds for it now, or None where only a run can tell.
        """
        self.name, self.result, self.inputs = name, result, inputs
        self.cached, self.source = cached, source
        self.package = ""  # its pipeline sets it
        self.function: Callable[..., R] | None = None  # another one to run instead
        self.place = name  # its name in the run; another one where it is a trial of a sweep

    @property
    def module(self) -> str:
        """The full name of its function's module."""
        if self.function is not None:
            return self.function.__module__
        return f"{self.package}.stages.{self.name}"

    @property
    def outputs(self) -> dict[str, Any]:
        """The types of what it returns, by name."""
        hints = typing.get_type_hints(self.result, include_extras=True)
        return {field.name: hints[field.name] for field in fields(self.result)}  # type: ignore[arg-type]

    def load(self) -> Callable[..., R]:
        """Import the function."""
        if self.function is not None:
            return self.function
        function: Callable[..., R] = getattr(import_module(self.module), self.name)
        return function

    def at(self, place: str) -> Stage[R]:
        """Return the stage under another name in the run, as a trial of a sweep has one."""
        return self._changed(place=place)

    def running(self, function: Callable[..., R]) -> Stage[R]:
        """Return the stage with another function to run."""
        return self._changed(function=function)

    def _changed(self, **values: Any) -> Stage[R]:
        other = copy.copy(self)
        vars(other).update(values)
        return other


@dataclass(frozen=True)
class Highlights:
    """Which outputs a run's summary shows, each as `<stage>.<output>`; those that are there."""

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
        """Put stages together; raises PipelineError that names all that does not fit.

        `package` is the project's. `training_stage` is the one that learns: sweeps try it, and
        its result may come from several processes. `predictor` names the function that opens a
        model for the server, `report` one that adds sections to a run's page, and `model_name` the
        setting that names the model in the registry.
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
        """The stage of that name; raises PipelineError where there is none."""
        if name in self._stages:
            return self._stages[name]
        raise PipelineError(f"there is no stage {name!r}{suggest(name, self._stages)}")

    def __contains__(self, name: object) -> bool:
        """Whether there is a stage of that name."""
        return name in self._stages

    def __iter__(self) -> Iterator[str]:
        """The stages' names, in their order."""
        return iter(self._stages)

    def __len__(self) -> int:
        """How many stages there are."""
        return len(self._stages)

    @property
    def names(self) -> tuple[str, ...]:
        """The stages' names, in their order."""
        return tuple(self._stages)

    @property
    def cached_names(self) -> tuple[str, ...]:
        """The names of the stages whose results may be used again."""
        return tuple(name for name, stage in self._stages.items() if stage.cached)

    def to_document(self) -> dict[str, Any]:
        """Describe the graph in plain values, as `mlpo-kit graph --json` prints it."""
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
                yield f"{stage.name}: there are two stages of that name"
            if not is_dataclass(stage.result):
                yield f"{stage.name}: its result is not a dataclass: {stage.result!r}"
            for name, taken in stage.inputs.items():
                yield from _find_missing(f"{stage.name}.{name}", taken, earlier)
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
    """Load PIPELINE of the project that the working folder is in.

    Raises PipelineError where there is no project, no PIPELINE, or one that does not fit together.
    """
    pipeline: Pipeline = find_project().load("pipeline", "PIPELINE")
    return pipeline


def is_reference(hint: Any) -> bool:
    """Whether an output of this type is a reference, with or without an annotation."""
    return hint is Ref or (typing.get_args(hint) or (None,))[0] is Ref


def _find_missing(where: str, taken: str, earlier: Mapping[str, Stage[Any]]) -> Iterator[str]:
    """What is wrong with `<stage>.<output>`, where only earlier stages have outputs yet."""
    maker, _, output = taken.partition(".")
    if maker not in earlier:
        yield f"{where}: no stage before it is called {maker!r}{suggest(maker, earlier)}"
    elif output not in (outputs := earlier[maker].outputs):
        yield f"{where}: {maker} has no output {output!r}{suggest(output, outputs)}"
