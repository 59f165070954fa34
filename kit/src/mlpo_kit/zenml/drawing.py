"""The pipeline of pipeline/training.py, imported, and drawn without a run: its steps by name."""

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
    """Import the project's pipeline; raises PipelineError where the file has none, or several."""
    from zenml.pipelines.pipeline_definition import Pipeline

    root = str(find_project().root)
    if root not in sys.path:
        sys.path.insert(0, root)
    try:
        module = import_module(MODULE)
    except ModuleNotFoundError as error:
        if error.name not in ("pipeline", MODULE):
            raise
        raise PipelineError(f"there is no file {FILE} with the pipeline") from None
    found = [value for value in vars(module).values() if isinstance(value, Pipeline)]
    if len(found) != 1:
        raise PipelineError(f"{FILE} has {len(found)} functions with @pipeline: leave one")
    return found[0]


def draw(pipeline: Pipeline, trials: int = 0) -> Mapping[str, StepInvocation]:
    """Let the pipeline add its steps, and return them by name. No store is opened.

    `trials` is how many a sweep has. Raises PipelineError where they do not fit together.
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


def find_place(invocation: StepInvocation) -> str:
    """Find whose resources a step gets: its stage's, or its own name's; "" gets the least."""
    place: Any = getattr(invocation.step, "place", invocation.step.name)
    return str(place)
