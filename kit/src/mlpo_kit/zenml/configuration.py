"""What ZenML is told of a run: resources, retries and pods, and what the user adds in YAML.

ZenML takes a run configuration as it is: a name that it doesn't know is ignored or warned of, and
what it does know may go against the pipeline. `configuration_checks` makes that an error.
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
from mlpo_kit.zenml.drawing import find_place

if TYPE_CHECKING:
    from zenml.pipelines.pipeline_definition import Pipeline
    from zenml.steps.step_invocation import StepInvocation

Document = dict[str, Any]
Steps = Mapping[str, "StepInvocation"]


def build_options(
    settings: BaseSettings,
    training: Pipeline,
    drawn: Steps,
    cluster: ZenmlCluster | None = None,
    parallelism: int | None = None,
) -> Document:
    """Build what `with_options` of the pipeline is told, here or for a cluster.

    `drawn` are the steps of `training`; `parallelism` is how many trials of a sweep may run at a
    time. Raises PipelineError that names everything that is wrong with the run configuration.
    """
    from zenml.config.retry_config import StepRetryConfig

    from mlpo_kit.zenml.configuration_checks import find_problems

    stage = load_pipeline().training_stage
    if (nodes := count_nodes(settings, stage)) > 1:
        raise PipelineError(
            f"{stage}.nodes is {nodes}, and a step of ZenML is one machine: set it to 1, and "
            f"{stage}.processes to the GPUs there. On several machines a project of mlpo for "
            "Metaflow or Kubeflow trains"
        )
    places = {name: find_place(invocation) for name, invocation in drawn.items()}
    known = {place for place in places.values() if place} | {stage}
    decided = decide(settings, set(places.values()), cluster, parallelism)
    file = find_file(settings)
    written: Document = {}
    if file.is_file():
        if problems := find_problems(file, known, decided if cluster else None):
            listed = "\n".join(f"  {problem}" for problem in problems)
            raise PipelineError(f"the run configuration in {file} is wrong:\n{listed}")
        written = yaml.safe_load(file.read_text(encoding="utf-8"))
    retries = _find_retries(settings, training, drawn, written)
    whole = merge(merge({"steps": retries}, written), decided)
    by_place = whole.pop("steps", {})
    steps = {name: by_place[place] for name, place in places.items() if place in by_place}
    if "retry" in whole:
        whole["retry"] = StepRetryConfig(**whole["retry"])
    return {**whole, "steps": steps}


def find_file(settings: BaseSettings) -> Path:
    """Find where a run configuration would be: for runs here, or on Kubernetes."""
    return find_project().configs / "zenml" / f"{settings.compute}.yaml"


def decide(
    settings: BaseSettings,
    places: set[str],
    cluster: ZenmlCluster | None,
    parallelism: int | None = None,
) -> Document:
    """What follows from the resources of the profile and from the cluster, by place."""
    steps: Document = {}
    for place in places if cluster else places & settings.resources.keys():
        asked = settings.resources.get(place, Resources())
        told = {"resources": describe_resources(asked)}
        if cluster is not None:
            told["orchestrator"] = configure_step(cluster, settings, place, asked)
        steps[place] = {"settings": told}
    if cluster is None:
        return {"steps": steps}
    run = configure_run(cluster, settings)
    if parallelism is not None:
        run["orchestrator"]["max_parallelism"] = parallelism
    return {"settings": run, "steps": steps}


def describe_resources(asked: Resources) -> Document:
    """A step's resources as ZenML has them; its orchestrator for Kubernetes looks elsewhere."""
    memory = f"{asked.memory_mb}MiB"
    return {"cpu_count": asked.cpu, "gpu_count": asked.gpu, "memory": memory}


def _find_retries(
    settings: BaseSettings, training: Pipeline, drawn: Steps, written: Document
) -> Document:
    """The retries of the profile, but where the pipeline file or the YAML says its own."""
    if training.configuration.retry or "retry" in written:
        return {}
    found: Document = {}
    for invocation in drawn.values():
        place = find_place(invocation)
        retries = settings.resources.get(place, Resources()).retries
        if retries is None:
            retries = 1 if place == load_pipeline().training_stage else 0
        if retries and not invocation.step.configuration.retry:
            found[place] = {"retry": {"max_retries": retries}}
    return found
