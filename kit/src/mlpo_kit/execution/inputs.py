"""The inputs of a stage, out of what an orchestrator carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from mlpo_kit.runs.pipeline import Pipeline, Stage


def parse_inputs(
    pipeline: Pipeline, stage: Stage[Any], carried: Mapping[str, Any]
) -> dict[str, Any]:
    """Turn a stage's inputs, carried as JSON has them, into the types of the outputs they are."""
    inputs = {}
    for name, place in stage.inputs.items():
        maker, _, output = place.partition(".")
        hint = pipeline[maker].outputs[output]
        inputs[name] = TypeAdapter(hint).validate_python(carried[name])
    return inputs
