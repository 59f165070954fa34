"""What the step of a stage takes and returns, from PIPELINE's result types. No ZenML needed."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import Any

from mlpo_kit.runs.gate import Verdict
from mlpo_kit.runs.pipeline import Pipeline, Stage, is_reference
from mlpo_kit.store.base import Ref


@dataclass(frozen=True)
class Output:
    """An output of a stage that leaves its step as an artifact."""

    name: str  # of the field in the stage's result
    artifact: str  # its name in ZenML, where each name is one artifact's
    type: Any  # as ZenML is told
    is_model: bool


def list_outputs(pipeline: Pipeline, stage: Stage[Any]) -> list[Output]:
    """List what a step returns: all references, and the values that other stages take."""
    taken = {place for other in pipeline.values() for place in other.inputs.values()}
    return [
        Output(
            name,
            name if _is_unique(pipeline, name) else f"{stage.name}_{name}",
            type_of_output(pipeline, stage, name),
            pipeline.highlights.model == f"{stage.name}.{name}",
        )
        for name, hint in stage.outputs.items()
        if is_reference(hint) or f"{stage.name}.{name}" in taken
    ]


def type_inputs(pipeline: Pipeline, stage: Stage[Any]) -> dict[str, Any]:
    """The types of a step's inputs, by name: those of the outputs that they come from."""
    found = {}
    for name, place in stage.inputs.items():
        maker, _, output = place.partition(".")
        found[name] = type_of_output(pipeline, pipeline[maker], output)
    return found


def type_of_output(pipeline: Pipeline, stage: Stage[Any], name: str) -> Any:
    """The type of an output as ZenML is told; a stage that a refusal stops returns None."""
    hint: Any = stage.outputs[name]
    if is_reference(hint):
        hint = Ref
    elif is_dataclass(hint):  # it travels as a document: ZenML would pickle it
        hint = dict[str, Any]
    return hint | None if find_judge(pipeline, before=stage.name) else hint


def find_judge(pipeline: Pipeline, before: str) -> str | None:
    """Find the stage that may refuse a candidate, if it comes before the stage `before`."""
    for stage in pipeline.values():
        if stage.name == before:
            return None
        if any(hint is Verdict for hint in stage.outputs.values()):
            return stage.name
    return None


def _is_unique(pipeline: Pipeline, name: str) -> bool:
    return sum(name in stage.outputs for stage in pipeline.values()) == 1
