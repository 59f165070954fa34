"""Derive the inputs and outputs of a stage's step from PIPELINE's result types, without ZenML."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import Any

from mlpo_kit.runs.gate import Verdict
from mlpo_kit.runs.pipeline import Pipeline, Stage, is_reference
from mlpo_kit.store.base import Ref


@dataclass(frozen=True)
class Output:
    """An output of a stage that leaves its step as an artifact."""

    name: str  # the field in the stage's result
    artifact: str  # its name in ZenML, where artifact names must be unique
    type: Any  # the type that ZenML sees
    is_model: bool


def list_outputs(pipeline: Pipeline, stage: Stage[Any]) -> list[Output]:
    """List the outputs of a step: all references, and the values that other stages take."""
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
    """Return the types of a step's inputs by name: the types of the outputs that they are."""
    types = {}
    for name, place in stage.inputs.items():
        producer, _, output = place.partition(".")
        types[name] = type_of_output(pipeline, pipeline[producer], output)
    return types


def type_of_output(pipeline: Pipeline, stage: Stage[Any], name: str) -> Any:
    """Return the type of an output for ZenML; `| None` if a refusal may stop the stage."""
    hint: Any = stage.outputs[name]
    if is_reference(hint):
        hint = Ref
    elif is_dataclass(hint):  # passed as a dict, as ZenML would pickle a dataclass
        hint = dict[str, Any]
    return hint | None if find_judge(pipeline, before=stage.name) else hint


def find_judge(pipeline: Pipeline, before: str) -> str | None:
    """Find the stage that may refuse the candidate, if it comes before the stage `before`."""
    for stage in pipeline.values():
        if stage.name == before:
            return None
        if any(hint is Verdict for hint in stage.outputs.values()):
            return stage.name
    return None


def _is_unique(pipeline: Pipeline, name: str) -> bool:
    return sum(name in stage.outputs for stage in pipeline.values()) == 1
