"""Compare pipeline/training.py with PIPELINE: the steps, their order, and their inputs.

Also checks ZenML's run configurations in configs/zenml/, which name these steps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline
from mlpo_kit.zenml.drawing import FILE, draw, find_resource_stage, load_training
from mlpo_kit.zenml.environment import use_local_store
from mlpo_kit.zenml.interface import list_outputs

if TYPE_CHECKING:
    from zenml.steps.step_invocation import StepInvocation


def compare_pipeline() -> list[str]:
    """Return a sentence for each difference between file and PIPELINE, without opening a store."""
    root = find_project().root
    use_local_store(root, root)  # reads no settings: wrong ones would hide the differences
    pipeline = load_pipeline()
    try:
        invocations = draw(load_training().copy())
    except PipelineError as error:
        return [str(error)]
    steps = {
        name: step for name, step in invocations.items() if hasattr(step.step, "resource_stage")
    }
    differences = _find_differences(pipeline, steps, _list_artifacts(pipeline))
    stages = {find_resource_stage(invocation) for invocation in invocations.values()}
    return [*differences, *_check_configurations({*stages, pipeline.training_stage} - {""})]


def _check_configurations(known: Collection[str]) -> Iterator[str]:
    """Find what ZenML would ignore in its run configurations; `known` are the steps in them."""
    from mlpo_kit.zenml.configuration_checks import find_problems

    for file in sorted((find_project().configs / "zenml").glob("*.yaml")):
        for problem in find_problems(file, known):
            yield f"configs/zenml/{file.name}: {problem}"


def _find_differences(
    pipeline: Pipeline, invocations: Mapping[str, StepInvocation], artifacts: Mapping[str, str]
) -> Iterator[str]:
    for name in pipeline.names:
        if name not in invocations:
            yield f"{name}: {FILE} has no step for this stage"
    for name, invocation in invocations.items():
        stage = getattr(invocation.step, "resource_stage", "")
        if stage and name != stage:
            yield f"{stage}: {FILE} calls its step more than once"
    called = [name for name in invocations if name in pipeline.names]
    for before, name in pairwise(called):
        if pipeline.names.index(before) > pipeline.names.index(name):
            yield f"{name}: it comes before {before} in PIPELINE, but after it in {FILE}"
    for name in called:
        for input_name, expected in pipeline[name].inputs.items():
            source = _find_source(invocations[name].input_artifacts.get(input_name), artifacts)
            if source != expected:
                yield (
                    f"{name}.{input_name} comes from {expected} in PIPELINE, but from {source} in "
                    f"{FILE}"
                )


def _list_artifacts(pipeline: Pipeline) -> dict[str, str]:
    """Map `<step>.<artifact>` to `<stage>.<output>` for the outputs of all stages."""
    return {
        f"{stage.name}.{output.artifact}": f"{stage.name}.{output.name}"
        for stage in pipeline.values()
        for output in list_outputs(pipeline, stage)
    }


def _find_source(artifact: Any, artifacts: Mapping[str, str]) -> str:
    if artifact is None:
        return "no step"
    place = f"{artifact.invocation_id}.{artifact.output_name}"
    return artifacts.get(place, place)
