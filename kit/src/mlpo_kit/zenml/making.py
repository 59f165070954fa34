"""Make a ZenML step for each stage.

ZenML 0.98 reads a step's inputs and outputs from the signature of its function, and from the
function's source whether it returns one value or several. So each stage gets a function with its
own signature, around one of the two functions in `_make_function`. No source is generated: a
debugger steps through these functions, and a traceback shows them and then the stage.
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

# The number of trials of the pipeline that is being compiled; 0 if it is no sweep.
TRIALS: ContextVar[int] = ContextVar("TRIALS", default=0)
LOOKUP, TRIAL, CHOOSE = "lookup", "trial", "choose"  # further steps of the training stage


class StageStep(_DecoratedStep):
    """The step of a stage."""

    pipeline: Pipeline
    stage: Stage[Any]
    resource_stage: str  # the stage whose resources it gets; "" gets the minimum

    def __call__(self, *args: Any, id: str | None = None, after: Any = None, **kwargs: Any) -> Any:
        """Add the step to the pipeline that is being compiled, after the steps it must wait for."""
        context = PipelineCompilationContext.get()
        if context is None:
            return super().__call__(*args, id=id, after=after, **kwargs)
        barriers = self._find_barriers(list(context.pipeline.invocations))
        return self._add([*_as_list(after), *barriers], id, *args, **kwargs)

    def _find_barriers(self, called: list[str]) -> list[str]:
        """Find the steps to wait for, besides the steps whose outputs it takes."""
        judge = find_judge(self.pipeline, before=self.stage.name)
        return [judge] if judge in called and judge is not None else []

    def _add(self, after: list[Any], id: str | None, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, id=id, after=after, **kwargs)


class TrainingStep(StageStep):
    """The step of the training stage, after a lookup step; in a sweep, the trials replace both.

    ZenML's own cache does not see changes in the modules that a step imports. The lookup step does:
    it returns the id of the run whose result is valid, and ZenML caches the training step by that
    id. If ZenML has a result for the id, it starts no step, and on a cluster no pod with a GPU.
    """

    def _find_barriers(self, called: list[str]) -> list[str]:
        return called  # training starts after all checks

    def _add(self, after: list[Any], id: str | None, *args: Any, **kwargs: Any) -> Any:
        from mlpo_kit.zenml import steps

        name = self.stage.name
        names = [name for name in self.entrypoint_definition.inputs if name != LOOKUP]
        inputs = {**dict(zip(names, args, strict=False)), **kwargs}
        if not (count := TRIALS.get()):
            look_up = getattr(steps, f"{name}_{LOOKUP}")
            run_id = look_up(**inputs, id=f"{name}_{LOOKUP}", after=after)
            return super()._add([], id, **inputs, **{LOOKUP: run_id})
        trial = getattr(steps, f"{name}_{TRIAL}").with_options(**_copy_options(self))
        outcomes = [
            trial(**inputs, number=number, id=f"{TRIAL}_{number}", after=after)
            for number in range(1, count + 1)
        ]
        return getattr(steps, f"{name}_{CHOOSE}")(
            settings=inputs.get("settings"), outcomes=outcomes, id=CHOOSE
        )


@dataclass(frozen=True)
class Recipe:
    """The parts that a step is made from."""

    work: Work
    inputs: dict[str, Any]
    returns: list[Any]  # annotated types
    resource_stage: str = ""  # the stage whose resources it gets; "" gets the minimum
    kind: Any = StageStep  # the step's base class
    options: dict[str, Any] = field(default_factory=dict)


def make_step(pipeline: Pipeline, name: str, module: str) -> StageStep:
    """Make the step of a stage, as the attribute `name` of `module`.

    The training stage also has `<name>_lookup`, `<name>_trial` and `<name>_choose`. Raises
    PipelineError if there is no such stage.
    """
    training = pipeline.training_stage
    parts = {f"{training}_{part}": part for part in (LOOKUP, TRIAL, CHOOSE)}
    part = parts.get(name, "") if name not in pipeline.names else ""
    stage = pipeline[training if part else name]
    recipe = _find_recipe(pipeline, stage, part)
    class_: Any = type(
        name,
        (recipe.kind,),
        {
            "entrypoint": staticmethod(_make_function(stage, recipe, name, module)),
            "__module__": module,
            "pipeline": pipeline,
            "stage": stage,
            "resource_stage": recipe.resource_stage,
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
        return Recipe(work.try_trial, inputs, [outcome], resource_stage=stage.name)
    if part == CHOOSE:
        inputs = {"settings": Settings, "outcomes": list[dict[str, Any]]}
        return Recipe(work.choose_best, inputs, returns)
    if stage.name != pipeline.training_stage:
        return Recipe(work.perform_stage, inputs, returns, resource_stage=stage.name)
    inputs[LOOKUP] = str
    caching = {"enable_cache": True, "cache_policy": CachePolicy(include_step_parameters=False)}
    return Recipe(work.perform_stage, inputs, returns, stage.name, TrainingStep, caching)


def _annotate_outputs(pipeline: Pipeline, stage: Stage[Any]) -> list[Any]:
    """Return the types of a step's outputs with their names; the last step adds the report."""
    types: list[Any] = []
    for output in list_outputs(pipeline, stage):
        kind = ArtifactType.MODEL if output.is_model else None
        config = ArtifactConfig(name=output.artifact, artifact_type=kind)
        types.append(Annotated[output.type, config])
    if stage.name == pipeline.names[-1]:
        types.append(Annotated[HTMLString, "report"])
    return types


def _make_function(stage: Stage[Any], recipe: Recipe, name: str, module: str) -> Callable[..., Any]:
    """Make the function of a step: call `recipe.work`, with a signature that ZenML can read."""

    def return_several(**inputs: Any) -> Any:
        outputs = recipe.work(stage.name, inputs)
        return outputs[0], *outputs[1:]

    def return_one(**inputs: Any) -> Any:
        outputs = recipe.work(stage.name, inputs)
        return outputs[0] if outputs else None

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
    """Copy the options that the pipeline file sets on a step, for the trials that replace it."""
    config = step.configuration
    options = {
        "retry": config.retry,
        "settings": config.settings,
        "environment": config.environment,
    }
    return {name: value for name, value in options.items() if value}


def _as_list(after: Any) -> list[Any]:
    if after is None:
        return []
    return list(after) if isinstance(after, (list, tuple)) else [after]
