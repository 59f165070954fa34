"""Add the task of a stage to the pipeline that is being traced, and configure it."""

from __future__ import annotations

from typing import Any

from mlpo_kit.config.sections import Resources
from mlpo_kit.errors import PipelineError, suggest
from mlpo_kit.kubeflow.description import KubeflowCluster
from mlpo_kit.kubeflow.generate import make_stage
from mlpo_kit.kubeflow.placement import (
    LIGHT,
    find_resources,
    let_start_trainjob,
    limit_task,
    place_task,
)
from mlpo_kit.kubeflow.ports import REQUEST, find_ports, find_requester
from mlpo_kit.kubeflow.tracing import Tracing, find_tracing
from mlpo_kit.kubeflow.trainjob import render_trainjob
from mlpo_kit.runs.pipeline import Pipeline, Stage


def add_task(name: str, /, settings: Any = "", use_cache: Any = True, **inputs: Any) -> Any:
    """Add the task of a stage; return KFP's task, with outputs under the stage's names.

    `inputs` are outputs of other tasks. Raises PipelineError if PIPELINE has other inputs.
    """
    tracing = find_tracing()
    stage = tracing.pipeline[name]
    _check_inputs(stage, inputs)
    run = {**tracing.context, "settings": settings, "use_cache": use_cache}
    is_training = name == tracing.pipeline.training_stage
    if is_training and tracing.sweep:
        from mlpo_kit.kubeflow.sweeping import add_trials

        task = add_trials(tracing, stage, {**run, **inputs})
    elif is_training and (request := _find_request(tracing)) is not None:
        # The request is its only input. KFP may skip only this task: see training_request.py.
        task = make_stage(tracing.pipeline, stage, by_request=True)(request=request)
        task.set_caching_options(True)
    else:
        component = make_stage(tracing.pipeline, stage, tracing.by_request and not is_training)
        task = component(**run, **inputs).set_caching_options(False)
    if tracing.cluster is not None:
        _place_stage(task, name, tracing.settings, tracing.cluster)
    if tracing.settings is not None:
        requested = tracing.settings.resources.get(name, Resources())
        # By default only training is retried, as it continues from its checkpoint.
        limit_task(task, requested, retries=int(is_training))
    tracing.tasks[name] = task
    task._outputs = Outputs(name, _name_outputs(tracing.pipeline, stage, task))
    return task


class Outputs(dict[str, Any]):
    """The outputs of a task, by the stage's own names."""

    def __init__(self, stage: str, outputs: dict[str, Any]) -> None:
        """Take the outputs of a stage's task."""
        super().__init__(outputs)
        self._stage = stage

    def __missing__(self, name: str) -> Any:
        """Raise PipelineError that lists the existing outputs."""
        listed = ", ".join(self)
        raise PipelineError(
            f"{self._stage} has no output {name!r}{suggest(name, self)}; it has: {listed}"
        )


def _place_stage(task: Any, name: str, settings: Any, cluster: KubeflowCluster) -> None:
    requested = find_resources(name, settings)
    place_task(task, settings, cluster, requested)
    if requested is LIGHT:
        let_start_trainjob(task, render_trainjob(settings, cluster))


def _check_inputs(stage: Stage[Any], inputs: dict[str, Any]) -> None:
    """Raise PipelineError unless a call passes exactly the stage's inputs in PIPELINE."""
    for name in inputs.keys() - stage.inputs.keys():
        listed = ", ".join(stage.inputs) or "none"
        raise PipelineError(
            f"{stage.name} has no input {name!r}{suggest(name, stage.inputs)}; its inputs in "
            f"PIPELINE: {listed}"
        )
    for name in stage.inputs.keys() - inputs.keys():
        raise PipelineError(
            f"{stage.name} needs its input {name}, which is {stage.inputs[name]} in PIPELINE: "
            f"write {stage.name}({name}=...)"
        )


def _find_request(tracing: Tracing) -> Any:
    """Return the training request of an earlier task; None if no task writes one."""
    requester = find_requester(tracing.pipeline) if tracing.by_request else None
    task = tracing.tasks.get(requester or "")
    return None if task is None else task.outputs[REQUEST]


def _name_outputs(pipeline: Pipeline, stage: Stage[Any], task: Any) -> dict[str, Any]:
    """Rename the outputs of a task to the stage's own names."""
    ports = find_ports(pipeline, stage)
    stage_names = {port.name: output for output, port in ports.outputs.items()}
    return {stage_names.get(name, name): channel for name, channel in task.outputs.items()}
