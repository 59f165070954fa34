"""Build ZenML's configuration of a run: resources, retries and pods, and the user's own YAML.

ZenML ignores unknown names in a run configuration, or only warns of them, and its known names can
contradict the pipeline. `configuration_checks` turns both into errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlpo_kit.config.documents import merge
from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import Resources, count_nodes
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.zenml.cluster import ZenmlCluster, configure_run, configure_step
from mlpo_kit.zenml.drawing import find_resource_stage

if TYPE_CHECKING:
    from zenml.pipelines.pipeline_definition import Pipeline
    from zenml.steps.step_invocation import StepInvocation

Document = dict[str, Any]
Steps = Mapping[str, "StepInvocation"]


def build_options(
    settings: BaseSettings,
    training: Pipeline,
    invocations: Steps,
    cluster: ZenmlCluster | None = None,
    parallelism: int | None = None,
) -> Document:
    """Build the arguments of the pipeline's `with_options`, for this machine or a cluster.

    `invocations` are the steps of `training`; `parallelism` is how many trials of a sweep may run
    at a time. Raises PipelineError that lists everything wrong with the run configuration.
    """
    from zenml.config.retry_config import StepRetryConfig

    from mlpo_kit.zenml.configuration_checks import find_problems

    stage = load_pipeline().training_stage
    if (nodes := count_nodes(settings, stage)) > 1:
        raise PipelineError(
            f"{stage}.nodes is {nodes}, but a step of ZenML runs on one machine: set it to 1, and "
            f"{stage}.processes to the number of GPUs there. To train on several machines, use "
            "Metaflow or Kubeflow"
        )
    stages = {name: find_resource_stage(invocation) for name, invocation in invocations.items()}
    known = {name for name in stages.values() if name} | {stage}
    derived = derive_configuration(settings, set(stages.values()), cluster, parallelism)
    file = find_file(settings)
    from_file: Document = {}
    if file.is_file():
        if problems := find_problems(file, known, derived if cluster else None):
            listed = "\n".join(f"  {problem}" for problem in problems)
            raise PipelineError(f"the run configuration in {file} is wrong:\n{listed}")
        from_file = yaml.safe_load(file.read_text(encoding="utf-8"))
    retries = _find_retries(settings, training, invocations, from_file)
    merged = merge(merge({"steps": retries}, from_file), derived)
    by_stage = merged.pop("steps", {})
    steps = {name: by_stage[stage] for name, stage in stages.items() if stage in by_stage}
    if "retry" in merged:
        merged["retry"] = StepRetryConfig(**merged["retry"])
    return {**merged, "steps": steps}


def find_file(settings: BaseSettings) -> Path:
    """Return the path of the run configuration, which may not exist, for local or kubernetes."""
    return find_project().configs / "zenml" / f"{settings.compute}.yaml"


def derive_configuration(
    settings: BaseSettings,
    stages: set[str],
    cluster: ZenmlCluster | None,
    parallelism: int | None = None,
) -> Document:
    """Derive the configuration of run and steps from the profile's resources and the cluster.

    `stages` are the stages whose resources the steps get; the steps in the result are by stage.
    """
    steps: Document = {}
    for stage in stages if cluster else stages & settings.resources.keys():
        requested = settings.resources.get(stage, Resources())
        step_settings = {"resources": describe_resources(requested)}
        if cluster is not None:
            step_settings["orchestrator"] = configure_step(cluster, settings, stage, requested)
        steps[stage] = {"settings": step_settings}
    if cluster is None:
        return {"steps": steps}
    run = configure_run(cluster, settings)
    if parallelism is not None:
        run["orchestrator"]["max_parallelism"] = parallelism
    return {"settings": run, "steps": steps}


def describe_resources(requested: Resources) -> Document:
    """Return a step's ResourceSettings, which ZenML's Kubernetes orchestrator does not read."""
    memory = f"{requested.memory_mb}MiB"
    return {"cpu_count": requested.cpu, "gpu_count": requested.gpu, "memory": memory}


def _find_retries(
    settings: BaseSettings, training: Pipeline, invocations: Steps, from_file: Document
) -> Document:
    """Find the retries in the profile, unless the pipeline file or the YAML sets its own."""
    if training.configuration.retry or "retry" in from_file:
        return {}
    by_stage: Document = {}
    for invocation in invocations.values():
        stage = find_resource_stage(invocation)
        retries = settings.resources.get(stage, Resources()).retries
        if retries is None:
            retries = 1 if stage == load_pipeline().training_stage else 0
        if retries and not invocation.step.configuration.retry:
            by_stage[stage] = {"retry": {"max_retries": retries}}
    return by_stage
