'''Generate the KFP component of a stage from PIPELINE.

KFP (2.17) sends only the source of a component's function to the task, and reads the pipeline's
types from its signature. Handwritten functions would repeat PIPELINE and the result types;
generated ones can't disagree with them. Such a function has three lines:

    def evaluate(run_id: str, ..., model: Input[Model], report: Output[Artifact]) -> bool:
        """The stage `evaluate`."""
        from mlpo_kit.kubeflow.executing import run_task
        return run_task("evaluate", locals())

These are lightweight Python components, the only kind that KFP's local runner accepts. This module
must not use `from __future__ import annotations`, nor may `compile` inherit it: KFP would see
strings in place of the types.
'''

import linecache
from functools import partial
from typing import Any, NamedTuple

from kfp import dsl

from mlpo_kit.kubeflow.ports import (
    CLASSES,
    CONTEXT,
    REQUEST,
    Ports,
    find_inputs,
    find_ports,
)
from mlpo_kit.runs.pipeline import Pipeline, Stage

# Only a name: local runs use no image, and on a cluster each task gets the project's own image.
LOCAL_IMAGE = "local-python:project"
SOURCE = '''\
def {name}({arguments}){returns}:
    """The stage `{stage}`."""
    from mlpo_kit.kubeflow.executing import {work}
    return {work}("{stage}", locals())
'''
DSL_NAMES = (*CLASSES, "ClassificationMetrics", "Input", "Metrics", "Output")

make_component = partial(dsl.component, base_image=LOCAL_IMAGE, install_kfp_package=False)


def make_stage(pipeline: Pipeline, stage: Stage[Any], by_request: bool = False) -> Any:
    """Make the component that runs a stage.

    With `by_request` the training stage takes only a request, which an earlier stage writes.
    """
    ports = find_ports(pipeline, stage, by_request)
    if by_request and stage.name == pipeline.training_stage:
        return _make(stage.name, "run_request", stage, {REQUEST: "str"}, ports)
    work = "run_task" if ports.requests is None else "run_requester"
    return _make(stage.name, work, stage, _list_inputs(pipeline, stage), ports)


def make_trial(pipeline: Pipeline, stage: Stage[Any]) -> Any:
    """Make the component of one trial of a sweep; it returns the trial's record as text."""
    inputs = {**_list_inputs(pipeline, stage), "trial": "str"}
    return _make(stage.name, "run_trial_task", stage, inputs, None, " -> str")


def make_choice(pipeline: Pipeline, stage: Stage[Any]) -> Any:
    """Make the component that chooses the best trial; it has the training stage's outputs."""
    inputs = {**CONTEXT, "sweep": "str", "outcomes": "list"}
    return _make("choose", "choose_task", stage, inputs, find_ports(pipeline, stage))


def _list_inputs(pipeline: Pipeline, stage: Stage[Any]) -> dict[str, str]:
    ports = find_inputs(pipeline, stage)
    inputs = {n: f"Input[{p.kind}]" if p.is_artifact else p.kind for n, p in ports.items()}
    return {**CONTEXT, **inputs}


def _make(
    name: str,
    work: str,
    stage: Stage[Any],
    inputs: dict[str, str],
    ports: Ports | None,
    returns: str = "",
) -> Any:
    arguments = [f"{argument}: {kind}" for argument, kind in inputs.items()]
    if ports is not None:
        artifacts = [(port.name, port.kind) for port in ports.outputs.values() if port.is_artifact]
        arguments += [f"{n}: Output[{kind}]" for n, kind in [*artifacts, *ports.shown.items()]]
        returns = _name_returns(ports)
    source = SOURCE.format(
        name=name, arguments=", ".join(arguments), returns=returns, stage=stage.name, work=work
    )
    return make_component(define_function(name, source))


def _name_returns(ports: Ports) -> str:
    """Return the return type of a component as text: the verdict, or parameters by name."""
    if ports.has_verdict:
        return " -> bool"
    pairs = [(port.name, port.kind) for port in ports.outputs.values() if not port.is_artifact]
    if ports.requests is not None:
        pairs.append((REQUEST, "str"))
    fields = ", ".join(f'("{name}", {kind})' for name, kind in pairs)
    return f' -> NamedTuple("Made", [{fields}])' if pairs else " -> None"


def define_function(name: str, source: str) -> Any:
    """Define a function whose source `inspect` and tracebacks can find."""
    file = f"<mlpo_kit.kubeflow: the component {name}>"
    # Without a modification time, linecache does not look for the file.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {name: getattr(dsl, name) for name in DSL_NAMES}
    namespace |= {"__name__": __name__, "NamedTuple": NamedTuple}
    exec(compile(source, file, "exec", dont_inherit=True), namespace)
    return namespace[name]
