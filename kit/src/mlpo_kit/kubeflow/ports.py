"""How what a stage makes leaves its KFP task, and how it enters another one.

References leave as artifacts that hold the reference, never the payload. Of values, those that
other stages take leave as parameters. Tasks import this where they run, so nothing of KFP is here.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mlpo_kit.runs.pipeline import Pipeline, Stage, is_reference

PLAIN = {str: "str", int: "int", float: "float", bool: "bool"}  # what KFP has parameters for
# What every task is told besides its inputs, by name and type.
CONTEXT = {
    "run_id": "str",
    "profile": "str",  # the settings as they were compiled, as JSON
    "settings": "str",  # the changes of this run
    "code": "str",
    "kit": "str",
    "use_cache": "bool",
}
KINDS = {"dataset": "Dataset", "splits": "Dataset", "predictions": "Dataset", "model": "Model"}
CLASSES = ("Artifact", "Dataset", "HTML", "Markdown", "Model")  # of a reference in KFP
CONFUSION, METRICS, REPORT, REQUEST = "confusion", "metrics", "run_report", "request"
VERDICT = "Output"  # how KFP calls the one output without a name


@dataclass(frozen=True)
class Port:
    """An output of a stage in KFP: the name and the type that it has there."""

    name: str
    kind: str  # of KFP: an artifact's class, or a parameter's type
    is_artifact: bool
    is_json: bool = False  # a parameter that carries JSON text


@dataclass(frozen=True)
class Ports:
    """What the task of a stage hands on."""

    outputs: dict[str, Port]  # by the stage's own name of each
    shown: dict[str, str] = field(default_factory=dict)  # artifacts for people: name, class
    has_verdict: bool = False  # then it returns that alone: whether the gate is passed
    requests: str | None = None  # the stage that it writes the request for, as a parameter


def find_ports(pipeline: Pipeline, stage: Stage[Any], by_request: bool = False) -> Ports:
    """Find how the outputs of a stage leave its task.

    With `by_request` the training is asked for by a request that an earlier stage writes.
    """
    taken = {taken for other in pipeline.values() for taken in other.inputs.values()}
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
            # KFP knows no output without a name beside one that has a name.
            kind = "Artifact" if has_verdict else PLAIN.get(hint, "str")
            outputs[output] = Port(name, kind, has_verdict, is_json or has_verdict)
    return Ports(
        outputs,
        dict(_find_shown(pipeline, stage, {port.name for port in outputs.values()})),
        has_verdict,
        pipeline.training_stage if by_request and stage.name == find_requester(pipeline) else None,
    )


def find_kind(pipeline: Pipeline, stage: Stage[Any], output: str) -> str:
    """Find the class of KFP for a reference: by its annotation, `Annotated[Ref, "Model"]`, or name.

    It is for people to look at, and decides nothing.
    """
    for named in typing.get_args(stage.outputs[output])[1:]:
        if named in CLASSES:
            return str(named)
    is_model = pipeline.highlights.model == f"{stage.name}.{output}"
    return "Model" if is_model else KINDS.get(output, "Artifact")


def is_metrics(hint: Any) -> bool:
    """Whether a value is numbers by name, which KFP shows as metrics."""
    return typing.get_origin(hint) is dict and typing.get_args(hint) == (str, float)


def find_inputs(pipeline: Pipeline, stage: Stage[Any]) -> dict[str, Port]:
    """Find what a task takes for the inputs of its stage, by the stage's own names."""
    found = {}
    for name, taken in stage.inputs.items():
        maker, _, output = taken.partition(".")
        found[name] = find_ports(pipeline, pipeline[maker]).outputs[output]
    return found


def find_requester(pipeline: Pipeline) -> str | None:
    """Find the last stage before the training that knows all that the training takes, if any."""
    wanted = set(pipeline[pipeline.training_stage].inputs.values())
    earlier = pipeline.names[: pipeline.names.index(pipeline.training_stage)]
    gated = pipeline.gate.stage if pipeline.gate else None
    for name in reversed(earlier):
        known = {*pipeline[name].inputs.values(), *(f"{name}.{o}" for o in pipeline[name].outputs)}
        if wanted <= known and name != gated:
            return name
    return None


def find_numbers(result: Any, stage: Stage[Any]) -> dict[str, float]:
    """Find the numbers that a stage returned, to show them."""
    return {
        name: float(getattr(result, name))
        for name, hint in stage.outputs.items()
        if hint in (int, float)
    }


def _find_shown(
    pipeline: Pipeline, stage: Stage[Any], names: set[str]
) -> Iterator[tuple[str, str]]:
    """The artifacts that only people look at, where the stage has no output of that name."""
    shown = []
    if stage.name == pipeline.training_stage:
        shown.append((METRICS, "Metrics"))
    if pipeline.gate is not None and stage.name == pipeline.gate.stage:
        shown.append((CONFUSION, "ClassificationMetrics"))
    if stage.name == pipeline.names[-1]:
        shown.append((REPORT, "HTML"))
    yield from (pair for pair in shown if pair[0] not in {*names, *stage.inputs, *CONTEXT})
