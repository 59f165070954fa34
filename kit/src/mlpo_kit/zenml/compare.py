"""Compare pipeline/training.py with PIPELINE: the steps, their order, who takes what from whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline
from mlpo_kit.zenml.drawing import FILE, draw, load_training
from mlpo_kit.zenml.environment import use_local_store
from mlpo_kit.zenml.interface import list_outputs

if TYPE_CHECKING:
    from zenml.steps.step_invocation import StepInvocation


def compare_pipeline() -> list[str]:
    """Find where the file and PIPELINE disagree, in words. No store is opened."""
    use_local_store(load_settings().local_root, find_project().root)
    pipeline = load_pipeline()
    try:
        drawn = draw(load_training().copy())
    except PipelineError as error:
        return [str(error)]
    stages = {name: step for name, step in drawn.items() if hasattr(step.step, "place")}
    return list(_find_differences(pipeline, stages, _list_artifacts(pipeline)))


def _find_differences(
    pipeline: Pipeline, drawn: Mapping[str, StepInvocation], artifacts: Mapping[str, str]
) -> Iterator[str]:
    for name in pipeline.names:
        if name not in drawn:
            yield f"{name}: {FILE} has no step for this stage"
    for name, invocation in drawn.items():
        place = getattr(invocation.step, "place", "")
        if place and name != place:
            yield f"{place}: {FILE} calls its step more than once"
    called = [name for name in drawn if name in pipeline.names]
    for before, name in pairwise(called):
        if pipeline.names.index(before) > pipeline.names.index(name):
            yield f"{name}: PIPELINE has it before {before}, and {FILE} behind"
    for name in called:
        for given, wanted in pipeline[name].inputs.items():
            found = _find_source(drawn[name].input_artifacts.get(given), artifacts)
            if found != wanted:
                yield f"{name}.{given}: PIPELINE takes it from {wanted}, and {FILE} from {found}"


def _list_artifacts(pipeline: Pipeline) -> dict[str, str]:
    """The outputs of the stages by `<step>.<artifact>`, as `<stage>.<output>`."""
    return {
        f"{stage.name}.{output.artifact}": f"{stage.name}.{output.name}"
        for stage in pipeline.values()
        for output in list_outputs(pipeline, stage)
    }


def _find_source(given: Any, artifacts: Mapping[str, str]) -> str:
    if given is None:
        return "no step"
    place = f"{given.invocation_id}.{given.output_name}"
    return artifacts.get(place, place)
