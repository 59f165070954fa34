"""Parse the inputs of a stage from the JSON values that an orchestrator passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from mlpo_kit.runs.pipeline import Pipeline, Stage


def parse_inputs(
    pipeline: Pipeline, stage: Stage[Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Convert a stage's inputs from JSON values to the types of the outputs that they come from."""
    inputs = {}
    for name, source in stage.inputs.items():
        producer, _, output = source.partition(".")
        hint = pipeline[producer].outputs[output]
        inputs[name] = TypeAdapter(hint).validate_python(values[name])
    return inputs
