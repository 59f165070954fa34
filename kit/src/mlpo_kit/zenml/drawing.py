"""Import pipeline/training.py, and list the steps of its pipeline without running it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError

if TYPE_CHECKING:
    from zenml.pipelines.pipeline_definition import Pipeline
    from zenml.steps.step_invocation import StepInvocation

MODULE, FILE = "pipeline.training", "pipeline/training.py"


def load_training() -> Pipeline:
    """Import the project's pipeline; raises PipelineError if the file has none or several."""
    from zenml.pipelines.pipeline_definition import Pipeline

    source = str(find_project().source)
    if source not in sys.path:
        sys.path.insert(0, source)
    try:
        module = import_module(MODULE)
    except ModuleNotFoundError as error:
        if error.name not in ("pipeline", MODULE):
            raise
        raise PipelineError(f"there is no file {FILE} with the pipeline") from None
    pipelines = [value for value in vars(module).values() if isinstance(value, Pipeline)]
    if (count := len(pipelines)) != 1:
        raise PipelineError(f"{FILE} has {count} functions with @pipeline: it must have one")
    return pipelines[0]


def draw(pipeline: Pipeline, trials: int = 0) -> Mapping[str, StepInvocation]:
    """Call the pipeline's function and return its steps by name, without opening a store.

    `trials` is the number of trials of a sweep. Raises PipelineError if the steps do not fit
    together.
    """
    from zenml.exceptions import StepInterfaceError

    from mlpo_kit.zenml.making import TRIALS

    token = TRIALS.set(trials)
    try:
        pipeline.prepare(settings=None)
    except (RuntimeError, StepInterfaceError, TypeError, ValueError) as error:
        raise PipelineError(f"the steps in {FILE} do not fit together: {error}") from error
    finally:
        TRIALS.reset(token)
    return pipeline.invocations


def find_resource_stage(invocation: StepInvocation) -> str:
    """Return the stage whose resources a step gets, or its own name; "" gets the minimum."""
    name: Any = getattr(invocation.step, "resource_stage", invocation.step.name)
    return str(name)
