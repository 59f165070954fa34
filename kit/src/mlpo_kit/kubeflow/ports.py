"""Map the outputs and inputs of stages to the artifacts and parameters of KFP tasks.

A reference becomes an artifact that holds the reference, never the payload. A value becomes a
parameter if another stage takes it. Running tasks import this module, so it does not import KFP.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mlpo_kit.runs.pipeline import Pipeline, Stage, is_reference

PLAIN = {str: "str", int: "int", float: "float", bool: "bool"}  # types that KFP has parameters for
# The arguments of every task besides its inputs: name and type.
CONTEXT = {
    "run_id": "str",
    "profile": "str",  # the settings at compile time, as JSON
    "settings": "str",  # the changes for this run
    "code": "str",
    "kit": "str",
    "use_cache": "bool",
}
KINDS = {"dataset": "Dataset", "splits": "Dataset", "predictions": "Dataset", "model": "Model"}
CLASSES = ("Artifact", "Dataset", "HTML", "Markdown", "Model")  # KFP's classes for references
CONFUSION, METRICS, REPORT, REQUEST = "confusion", "metrics", "run_report", "request"
VERDICT = "Output"  # KFP's name for a single output without a name


@dataclass(frozen=True)
class Port:
    """An output of a stage in KFP, with its name and type there."""

    name: str
    kind: str  # an artifact's class, or a parameter's type
    is_artifact: bool
    is_json: bool = False  # a parameter that carries JSON text


@dataclass(frozen=True)
class Ports:
    """The outputs of a stage's task."""

    outputs: dict[str, Port]  # by the name in the stage's result
    shown: dict[str, str] = field(default_factory=dict)  # artifacts for KFP's pages: name, class
    has_verdict: bool = False  # its only parameter says whether the candidate passes the gate
    requests: str | None = None  # the stage for which it also returns a request


def find_ports(pipeline: Pipeline, stage: Stage[Any], by_request: bool = False) -> Ports:
    """Map the outputs of a stage to the outputs of its task.

    With `by_request` the training task takes a request that an earlier stage writes.
    """
    taken = {source for other in pipeline.values() for source in other.inputs.values()}
    has_verdict = pipeline.gate is not None and pipeline.gate.stage == stage.name
    outputs: dict[str, Port] = {}
    for output, hint in stage.outputs.items():
        name = f"{output}_out" if output in {*CONTEXT, *stage.inputs} else output
        if is_reference(hint):
            outputs[output] = Port(name, find_kind(pipeline, stage, output), is_artifact=True)
        elif is_metrics(hint):
            outputs[output] = Port(name, "Metrics", is_artifact=True)
        elif f"{stage.name}.{output}" in taken:
            is_json = hint not in PLAIN
            # The verdict has no name, and KFP allows no parameters with names next to it.
            kind = "Artifact" if has_verdict else PLAIN.get(hint, "str")
            outputs[output] = Port(name, kind, has_verdict, is_json or has_verdict)
    return Ports(
        outputs,
        dict(_find_shown(pipeline, stage, {port.name for port in outputs.values()})),
        has_verdict,
        pipeline.training_stage if by_request and stage.name == find_requester(pipeline) else None,
    )


def find_kind(pipeline: Pipeline, stage: Stage[Any], output: str) -> str:
    """Find KFP's class for a reference: from `Annotated[Ref, "Model"]`, or from its name.

    The class only affects what KFP's pages show.
    """
    for annotation in typing.get_args(stage.outputs[output])[1:]:
        if annotation in CLASSES:
            return str(annotation)
    is_model = pipeline.highlights.model == f"{stage.name}.{output}"
    return "Model" if is_model else KINDS.get(output, "Artifact")


def is_metrics(hint: Any) -> bool:
    """Return whether a value is a dict of numbers, which KFP shows as metrics."""
    return typing.get_origin(hint) is dict and typing.get_args(hint) == (str, float)


def find_inputs(pipeline: Pipeline, stage: Stage[Any]) -> dict[str, Port]:
    """Find the port of each input of a stage, by the stage's own names."""
    ports = {}
    for name, source in stage.inputs.items():
        producer, _, output = source.partition(".")
        ports[name] = find_ports(pipeline, pipeline[producer]).outputs[output]
    return ports


def find_requester(pipeline: Pipeline) -> str | None:
    """Find the last stage before training that has all inputs of the training; None if none has."""
    required = set(pipeline[pipeline.training_stage].inputs.values())
    earlier = pipeline.names[: pipeline.names.index(pipeline.training_stage)]
    gate_stage = pipeline.gate.stage if pipeline.gate else None
    for name in reversed(earlier):
        outputs = {f"{name}.{output}" for output in pipeline[name].outputs}
        if required <= {*pipeline[name].inputs.values(), *outputs} and name != gate_stage:
            return name
    return None


def find_numbers(result: Any, stage: Stage[Any]) -> dict[str, float]:
    """Find the numbers in a stage's result, to show them on KFP's pages."""
    return {
        name: float(getattr(result, name))
        for name, hint in stage.outputs.items()
        if hint in (int, float)
    }


def _find_shown(
    pipeline: Pipeline, stage: Stage[Any], names: set[str]
) -> Iterator[tuple[str, str]]:
    """List the artifacts for KFP's pages, unless the stage has an output of the same name."""
    shown = []
    if stage.name == pipeline.training_stage:
        shown.append((METRICS, "Metrics"))
    if pipeline.gate is not None and stage.name == pipeline.gate.stage:
        shown.append((CONFUSION, "ClassificationMetrics"))
    if stage.name == pipeline.names[-1]:
        shown.append((REPORT, "HTML"))
    yield from (pair for pair in shown if pair[0] not in {*names, *stage.inputs, *CONTEXT})
