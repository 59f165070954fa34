"""The search space of a sweep: the settings in `configs/sweep.yaml`, and their checks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from mlpo_kit.config.documents import flatten, merge
from mlpo_kit.config.sections import section
from mlpo_kit.config.settings import BaseSettings, check_settings, describe_errors
from mlpo_kit.errors import PipelineError, suggest
from mlpo_kit.runs.pipeline import Stage, is_reference, load_pipeline

MOST = 100  # largest number of trials in a sweep
# Higher is better for a metric with one of these words in its name.
HIGHER_IS_BETTER = frozenset(
    ("accuracy", "auc", "auroc", "bleu", "f1", "iou", "map", "precision", "r2", "recall", "score")
)


@section
class Sweep:
    """The values to try, and how to choose the best trial."""

    space: dict[str, Any]  # dotted name of a setting -> a list of values, or a Range
    search: Literal["grid", "random"] = "grid"
    trials: Annotated[int, Field(ge=1, le=MOST)] | None = None  # number, for a random search
    seed: int = 7
    metric: str = "val_loss"  # a value that the stage returns, or one in a group: `metrics.auc`
    best: Literal["lowest", "highest"] | None = None  # None: inferred from the metric's name
    parallelism: PositiveInt = 1  # number of trials at a time

    @property
    def takes_highest(self) -> bool:
        """Whether the trial with the highest value of the metric is the best."""
        if self.best is not None:
            return self.best == "highest"
        words = re.split(r"[^a-z0-9]+", self.metric.lower())
        return not HIGHER_IS_BETTER.isdisjoint(words)


@section
class Range:
    """A range of numbers to draw from, uniformly on its scale."""

    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"

    def at(self, share: float, whole: bool) -> float:
        """Return the number at `share` (0-1) of the range, rounded to an integer or 4 digits."""
        low, high = (self.low - 0.5, self.high + 0.5) if whole else (self.low, self.high)
        value = low * (high / low) ** share if self.scale == "log" else low + (high - low) * share
        value = min(max(round(value) if whole else float(f"{value:.4g}"), self.low), self.high)
        return int(value) if whole else value


Axis = list[Any] | Range


def check_sweep(
    document: dict[str, Any], config: BaseSettings
) -> tuple[Sweep, dict[str, Axis], list[str]]:
    """Check a sweep's document against the settings.

    Returns the sweep, the values to try by setting, and a list of all problems.
    """
    problems: list[str] = []
    try:
        sweep = TypeAdapter(Sweep).validate_python(document)
        problems += _find_wrong_metric(sweep.metric)
    except ValidationError as error:
        problems += describe_errors(error, Sweep)
        sweep = Sweep(space={})
    space, axes = document.get("space"), {}
    for name, value in space.items() if isinstance(space, dict) else ():
        axis, axis_problems = _make_axis(config, name, value)
        axes[name] = axis
        problems += [f"space.{name}: {problem}" for problem in axis_problems]
    return sweep, axes, [*problems, *_find_contradictions(document, axes)]


def apply_changes(config: BaseSettings, changes: Mapping[str, Any]) -> BaseSettings:
    """Change settings by their dotted names; raises PipelineError if a value is invalid."""
    document: dict[str, Any] = to_jsonable_python(config)
    for name, value in changes.items():
        nested = value
        for word in reversed(name.split(".")):
            nested = {word: nested}
        document = merge(document, nested)
    changed: BaseSettings = check_settings(document)
    return changed


def find_problems(config: BaseSettings, changes: Mapping[str, Any]) -> list[str]:
    """Find why changes of the settings are invalid; empty if they are valid."""
    try:
        apply_changes(config, changes)
    except PipelineError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]
    return []


def list_values(config: BaseSettings) -> dict[str, Any]:
    """List the settings that a sweep may change, by dotted name, with their current values."""
    name = _get_stage().name
    return dict(flatten(to_jsonable_python(getattr(config, name)), name))


def _find_wrong_metric(metric: str) -> Iterator[str]:
    """Find why the metric is invalid: the training stage must return it."""
    stage, (output, _, _) = _get_stage(), metric.partition(".")
    values = [name for name, hint in stage.outputs.items() if not is_reference(hint)]
    if output not in values:
        name = f"{stage.result.__name__} of {stage.name}"
        yield f"metric: {name} has no {output!r}{suggest(output, values)}"


def _get_stage() -> Stage[Any]:
    pipeline = load_pipeline()
    return pipeline[pipeline.training_stage]


def _make_axis(config: BaseSettings, name: Any, values: Any) -> tuple[Axis, list[str]]:
    """Parse the values to try for one setting; returns them and a list of problems."""
    settings = list_values(config)
    if name not in settings:
        hint = suggest(str(name), settings)
        return [], [f"{_get_stage().name} has no such setting{hint}"]
    if isinstance(values, dict):
        return _make_range(config, name, values)
    if not isinstance(values, list):
        return [], ["neither a list of values nor a range such as {low: 1, high: 2}"]
    problems = [problem for value in values for problem in find_problems(config, {name: value})]
    if problems or not values:
        return [], problems or ["the list is empty"]
    # Convert to the setting's type: 1e-3, which is a text in YAML, and 0.001 are the same.
    axis = [list_values(apply_changes(config, {name: value}))[name] for value in values]
    duplicates = [value for i, value in enumerate(axis) if value in axis[:i]]
    return axis, [f"it lists {value} twice" for value in duplicates]


def _make_range(config: BaseSettings, name: str, ends: dict[str, Any]) -> tuple[Axis, list[str]]:
    try:
        axis = TypeAdapter(Range).validate_python(ends)
    except ValidationError as error:
        return [], describe_errors(error, Range)
    if type(list_values(config)[name]) not in (int, float):
        return [], ["it is not a number, so it can't have a range: list its values"]
    problems = [
        problem for end in (axis.low, axis.high) for problem in find_problems(config, {name: end})
    ]
    if not axis.low < axis.high:
        problems.append("low must be less than high")
    elif axis.scale == "log" and axis.low <= 0:
        problems.append("low must be more than 0 on a log scale")
    return axis, problems


def _find_contradictions(document: dict[str, Any], axes: dict[str, Axis]) -> Iterator[str]:
    """Find parts of the file that contradict each other."""
    if document.get("space") == {}:
        yield f"space: it is empty: name settings of {_get_stage().name}, with values to try"
    search = document.get("search", "grid")
    if search == "random" and document.get("trials") is None:
        yield "trials: set how many trials a random search draws"
    if search != "grid":
        return
    if document.get("trials") is not None:
        yield "trials: a grid tries every combination: remove it, or set search: random"
    for name in [name for name, axis in axes.items() if isinstance(axis, Range)]:
        yield f"space.{name}: a grid needs a list; for a range, set search: random"
    size = math.prod(len(axis) for axis in axes.values() if isinstance(axis, list))
    if size > MOST:
        yield (
            f"space: {size} combinations are more than {MOST}: list fewer values, or set "
            "search: random"
        )
