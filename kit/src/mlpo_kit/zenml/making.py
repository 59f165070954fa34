"""Make a ZenML step for each stage.

ZenML 0.98 reads a step's inputs and outputs from the signature of its function, and from the
function's source whether it returns one value or several. So each stage gets a function with a
signature of its own, around one of the two functions below: no source is made up, a debugger steps
through them, and a traceback shows `return made[0], *made[1:]`, then what the stage did.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Annotated, Any

from zenml import ArtifactConfig
from zenml.config.cache_policy import CachePolicy
from zenml.enums import ArtifactType
from zenml.pipelines.compilation_context import PipelineCompilationContext
from zenml.steps.decorated_step import _DecoratedStep
from zenml.types import HTMLString

import mlpo_kit.zenml.materializers  # noqa: F401 (registers itself)
from mlpo_kit.runs.pipeline import Pipeline, Stage
from mlpo_kit.zenml import work
from mlpo_kit.zenml.interface import find_judge, list_outputs, type_inputs
from mlpo_kit.zenml.work import Settings

Work = Callable[[str, dict[str, Any]], list[Any]]

# How many trials the pipeline that is being compiled has; 0 where it is no sweep.
TRIALS: ContextVar[int] = ContextVar("TRIALS", default=0)
LOOKUP, TRIAL, CHOOSE = "lookup", "trial", "choose"  # what a training is made of besides


class StageStep(_DecoratedStep):
    """The step of a stage."""

    pipeline: Pipeline
    stage: Stage[Any]
    place: str  # the stage whose resources it gets; others get the least

    def __call__(self, *args: Any, id: str | None = None, after: Any = None, **kwargs: Any) -> Any:
        """Add the step to the pipeline that is being compiled, behind what PIPELINE puts first."""
        context = PipelineCompilationContext.get()
        if context is None:
            return super().__call__(*args, id=id, after=after, **kwargs)
        waits = [*_as_list(after), *self._find_barriers(list(context.pipeline.invocations))]
        return self._add(waits, id, *args, **kwargs)

    def _find_barriers(self, called: list[str]) -> list[str]:
        """The steps to wait for besides those whose outputs it takes."""
        judge = find_judge(self.pipeline, before=self.stage.name)
        return [judge] if judge in called and judge is not None else []

    def _add(self, after: list[Any], id: str | None, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, id=id, after=after, **kwargs)


class TrainingStep(StageStep):
    """The step of the stage that learns: behind a lookup, or the trials of a sweep in its place.

    ZenML's own cache sees no change in the modules that a step imports. With what the lookup found
    in the place of the settings it need not: the same run stands for the same result, which was
    just verified. Then no step is started, on a cluster no pod with a GPU.
    """

    def _find_barriers(self, called: list[str]) -> list[str]:
        return called  # nothing trains before all checks are done

    def _add(self, after: list[Any], id: str | None, *args: Any, **kwargs: Any) -> Any:
        from mlpo_kit.zenml import steps

        name = self.stage.name
        names = [name for name in self.entrypoint_definition.inputs if name != LOOKUP]
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        if not (count := TRIALS.get()):
            found = getattr(steps, f"{name}_{LOOKUP}")(**given, id=f"{name}_{LOOKUP}", after=after)
            return super()._add([], id, **given, **{LOOKUP: found})
        trial = getattr(steps, f"{name}_{TRIAL}").with_options(**_copy_options(self))
        outcomes = [
            trial(**given, number=number, id=f"{TRIAL}_{number}", after=after)
            for number in range(1, count + 1)
        ]
        return getattr(steps, f"{name}_{CHOOSE}")(
            settings=given.get("settings"), outcomes=outcomes, id=CHOOSE
        )


@dataclass(frozen=True)
class Recipe:
    """What a step is made of."""

    work: Work
    inputs: dict[str, Any]
    returns: list[Any]  # annotated types
    place: str = ""  # the stage whose resources it gets; without one, the least
    kind: Any = StageStep  # the class
    options: dict[str, Any] = field(default_factory=dict)


def make_step(pipeline: Pipeline, name: str, module: str) -> StageStep:
    """Make the step of a stage, as the attribute `name` of `module`.

    The stage that learns also has `<name>_lookup`, `<name>_trial` and `<name>_choose`. Raises
    PipelineError for a name that is no stage's.
    """
    learns = pipeline.training_stage
    parts = {f"{learns}_{part}": part for part in (LOOKUP, TRIAL, CHOOSE)}
    part = parts.get(name, "") if name not in pipeline.names else ""
    stage = pipeline[learns if part else name]
    recipe = _find_recipe(pipeline, stage, part)
    class_: Any = type(
        name,
        (recipe.kind,),
        {
            "entrypoint": staticmethod(_make_function(stage, recipe, name, module)),
            "__module__": module,
            "pipeline": pipeline,
            "stage": stage,
            "place": recipe.place,
        },
    )
    step: StageStep = class_(name=name, **recipe.options)
    return step


def _find_recipe(pipeline: Pipeline, stage: Stage[Any], part: str) -> Recipe:
    inputs = {"settings": Settings, **type_inputs(pipeline, stage)}
    returns = _annotate_outputs(pipeline, stage)
    if part == LOOKUP:
        return Recipe(work.look_up_training, inputs, [Annotated[str, LOOKUP]])
    if part == TRIAL:
        inputs["number"] = int
        outcome = Annotated[dict[str, Any], "outcome"]
        return Recipe(work.try_trial, inputs, [outcome], place=stage.name)
    if part == CHOOSE:
        inputs = {"settings": Settings, "outcomes": list[dict[str, Any]]}
        return Recipe(work.choose_best, inputs, returns)
    if stage.name != pipeline.training_stage:
        return Recipe(work.perform_stage, inputs, returns, place=stage.name)
    inputs[LOOKUP] = str
    caching = {"enable_cache": True, "cache_policy": CachePolicy(include_step_parameters=False)}
    return Recipe(work.perform_stage, inputs, returns, stage.name, TrainingStep, caching)


def _annotate_outputs(pipeline: Pipeline, stage: Stage[Any]) -> list[Any]:
    """The types of a step's outputs, with their names; the last step adds the report."""
    found: list[Any] = []
    for output in list_outputs(pipeline, stage):
        kind = ArtifactType.MODEL if output.is_model else None
        config = ArtifactConfig(name=output.artifact, artifact_type=kind)
        found.append(Annotated[output.type, config])
    if stage.name == pipeline.names[-1]:
        found.append(Annotated[HTMLString, "report"])
    return found


def _make_function(stage: Stage[Any], recipe: Recipe, name: str, module: str) -> Callable[..., Any]:
    """Make the function of a step: `recipe.work`, under a signature that ZenML can read."""

    def return_several(**given: Any) -> Any:
        made = recipe.work(stage.name, given)
        return made[0], *made[1:]

    def return_one(**given: Any) -> Any:
        made = recipe.work(stage.name, given)
        return made[0] if made else None

    several = len(recipe.returns) > 1
    function = return_several if several else return_one
    returns = tuple[tuple(recipe.returns)] if several else next(iter(recipe.returns), None)  # type: ignore[misc]
    parameters = [
        inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=hint)
        for key, hint in recipe.inputs.items()
    ]
    signature = inspect.Signature(parameters, return_annotation=returns)
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    function.__doc__ = f"{(recipe.work.__doc__ or '').splitlines()[0]} ({stage.name})"
    return function


def _copy_options(step: StageStep) -> dict[str, Any]:
    """What the pipeline file says of a step besides, for the trials in its place."""
    told = step.configuration
    options = {"retry": told.retry, "settings": told.settings, "environment": told.environment}
    return {name: value for name, value in options.items() if value}


def _as_list(after: Any) -> list[Any]:
    if after is None:
        return []
    return list(after) if isinstance(after, (list, tuple)) else [after]
