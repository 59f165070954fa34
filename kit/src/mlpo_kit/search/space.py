"""The search space of a sweep, as `configs/sweep.yaml` says it, checked strictly."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from mlpo_kit.caching.key import flatten
from mlpo_kit.config.documents import merge
from mlpo_kit.config.sections import section
from mlpo_kit.config.settings import BaseSettings, check_settings, describe_errors
from mlpo_kit.errors import PipelineError, suggest
from mlpo_kit.runs.pipeline import Stage, is_reference, load_pipeline

MOST = 100  # trials of one sweep
# A metric with one of these words in its name is better where it is higher.
HIGHER_IS_BETTER = frozenset(
    ("accuracy", "auc", "auroc", "bleu", "f1", "iou", "map", "precision", "r2", "recall", "score")
)


@section
class Sweep:
    """What is tried, and what makes the best."""

    space: dict[str, Any]  # by the dotted name of a setting: a list of values, or a Range
    search: Literal["grid", "random"] = "grid"
    trials: Annotated[int, Field(ge=1, le=MOST)] | None = None  # of a random search
    seed: int = 7
    metric: str = "val_loss"  # a value that the stage returns; or in a group, `metrics.auc`
    best: Literal["lowest", "highest"] | None = None  # None: the metric's name tells
    parallelism: PositiveInt = 1  # trials at a time

    @property
    def takes_highest(self) -> bool:
        """Whether the trial with the highest value of the metric is the best."""
        if self.best is not None:
            return self.best == "highest"
        words = re.split(r"[^a-z0-9]+", self.metric.lower())
        return not HIGHER_IS_BETTER.isdisjoint(words)


@section
class Range:
    """Numbers to draw from, evenly on the scale."""

    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"

    def at(self, share: float, whole: bool) -> float:
        """The number at a share of the range: a whole one, or one of four digits."""
        low, high = (self.low - 0.5, self.high + 0.5) if whole else (self.low, self.high)
        value = low * (high / low) ** share if self.scale == "log" else low + (high - low) * share
        value = min(max(round(value) if whole else float(f"{value:.4g}"), self.low), self.high)
        return int(value) if whole else value


Axis = list[Any] | Range


def check_sweep(
    document: dict[str, Any], config: BaseSettings
) -> tuple[Sweep, dict[str, Axis], list[str]]:
    """Check a sweep's document under these settings.

    Returns the sweep, its space by setting, and all that is wrong with them, in words.
    """
    problems: list[str] = []
    try:
        sweep = TypeAdapter(Sweep).validate_python(document)
        problems += _find_wrong_metric(sweep.metric)
    except ValidationError as error:
        problems += describe_errors(error, Sweep)
        sweep = Sweep(space={})
    space, axes = document.get("space"), {}
    for name, given in space.items() if isinstance(space, dict) else ():
        axis, found = _make_axis(config, name, given)
        axes[name] = axis
        problems += [f"space.{name}: {word}" for word in found]
    return sweep, axes, [*problems, *_find_contradictions(document, axes)]


def apply_changes(config: BaseSettings, changes: Mapping[str, Any]) -> BaseSettings:
    """Change settings by their dotted names; raises PipelineError where they may not be so."""
    document: dict[str, Any] = to_jsonable_python(config)
    for name, value in changes.items():
        nested = value
        for word in reversed(name.split(".")):
            nested = {word: nested}
        document = merge(document, nested)
    changed: BaseSettings = check_settings(document)
    return changed


def find_problems(config: BaseSettings, changes: Mapping[str, Any]) -> list[str]:
    """Find why the settings may not be changed so; nothing where they may."""
    try:
        apply_changes(config, changes)
    except PipelineError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]
    return []


def list_values(config: BaseSettings) -> dict[str, Any]:
    """List what may be tried, by dotted name, with its value now."""
    name = _get_stage().name
    return dict(flatten(to_jsonable_python(getattr(config, name)), name))


def _find_wrong_metric(metric: str) -> Iterator[str]:
    """What is wrong with the metric: the stage that learns must return it."""
    stage, (output, _, _) = _get_stage(), metric.partition(".")
    values = [name for name, hint in stage.outputs.items() if not is_reference(hint)]
    if output not in values:
        name = f"{stage.result.__name__} of {stage.name}"
        yield f"metric: {name} has no {output!r}{suggest(output, values)}"


def _get_stage() -> Stage[Any]:
    pipeline = load_pipeline()
    return pipeline[pipeline.training_stage]


def _make_axis(config: BaseSettings, name: Any, given: Any) -> tuple[Axis, list[str]]:
    """The values of one setting to try, and what is wrong with them."""
    known = list_values(config)
    if name not in known:
        hint = suggest(str(name), known)
        return [], [f"{_get_stage().name} has no such setting{hint}"]
    if isinstance(given, dict):
        return _make_range(config, name, given)
    if not isinstance(given, list):
        return [], ["neither a list of values nor a range such as {low: 1, high: 2}"]
    found = [word for value in given for word in find_problems(config, {name: value})]
    if found or not given:
        return [], found or ["the list is empty"]
    # As the setting has it: 1e-3, which is text in YAML, and 0.001 are the same.
    axis = [list_values(apply_changes(config, {name: value}))[name] for value in given]
    twice = [value for i, value in enumerate(axis) if value in axis[:i]]
    return axis, [f"it lists {value} twice" for value in twice]


def _make_range(config: BaseSettings, name: str, given: dict[str, Any]) -> tuple[Axis, list[str]]:
    try:
        axis = TypeAdapter(Range).validate_python(given)
    except ValidationError as error:
        return [], describe_errors(error, Range)
    if type(list_values(config)[name]) not in (int, float):
        return [], ["it is no number, so it has no range: list its values"]
    found = [word for end in (axis.low, axis.high) for word in find_problems(config, {name: end})]
    if not axis.low < axis.high:
        found.append("low must be less than high")
    elif axis.scale == "log" and axis.low <= 0:
        found.append("low must be more than 0 on a log scale")
    return axis, found


def _find_contradictions(document: dict[str, Any], axes: dict[str, Axis]) -> Iterator[str]:
    """What goes against another part of the file."""
    if document.get("space") == {}:
        yield f"space: it is empty: name settings of {_get_stage().name}, with values to try"
    search = document.get("search", "grid")
    if search == "random" and document.get("trials") is None:
        yield "trials: say how many a random search draws"
    if search != "grid":
        return
    if document.get("trials") is not None:
        yield "trials: a grid tries every combination: leave it out, or say search: random"
    for name in [name for name, axis in axes.items() if isinstance(axis, Range)]:
        yield f"space.{name}: a grid needs a list: a range is for search: random"
    size = math.prod(len(axis) for axis in axes.values() if isinstance(axis, list))
    if size > MOST:
        yield f"space: {size} combinations are more than {MOST}: fewer values, or search: random"
