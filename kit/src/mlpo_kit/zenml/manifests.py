"""Render the jobs of the steps, and the role that lets ZenML create them.

The jobs are built by the code of ZenML's Kubernetes orchestrator. That code is not public, which is
why pyproject.toml pins the exact version of zenml. The manifests are only to be read and checked:
ZenML creates the jobs of each run, with the run's ids and token, which are left out here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from mlpo_kit.cluster import pods
from mlpo_kit.cluster.manifests import drop_nulls
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.zenml.cluster import (
    ZenmlCluster,
    describe_stack,
    name_account,
    read_zenml_cluster,
)
from mlpo_kit.zenml.drawing import draw, load_training
from mlpo_kit.zenml.environment import use_local_store

RULES = [  # for the pod that starts the steps and waits for them
    {
        "apiGroups": ["batch"],
        "resources": ["jobs"],
        "verbs": ["create", "get", "list", "patch", "delete"],
    },
    {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["delete"]},  # the run's token
]


def render_manifests(settings: BaseSettings, document: dict[str, Any]) -> dict[str, list[Manifest]]:
    """Render the manifests that ZenML needs, by file name."""
    cluster = read_zenml_cluster(settings)
    return {
        "jobs": render_jobs(settings, document, cluster),
        "rbac": render_role(settings, cluster),
    }


def render_role(settings: BaseSettings, cluster: ZenmlCluster) -> list[Manifest]:
    """Render the role of the pods' account, and the account if deploy/cluster.yaml names none."""
    name = name_account(cluster, settings)
    role_name = f"{pods.make_object_name(settings.project)}-zenml"
    metadata = pods.make_metadata(cluster, settings, "steps", role_name)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**metadata, "name": name}}
    role = pods.make_role(metadata, RULES, name)
    return role if cluster.service_account else [account, *role]


def render_jobs(
    settings: BaseSettings, document: dict[str, Any], cluster: ZenmlCluster
) -> list[Manifest]:
    """Render the Job that starts the steps, and a Job for each step."""
    # ZenML would contact the real artifact store.
    artifact_store = {"flavor": "local", "configuration": {}}
    with tempfile.TemporaryDirectory(prefix="zenml-") as folder:
        home = use_local_store(Path(folder), find_project().root)
        from mlpo_kit.zenml.configuration import build_options
        from mlpo_kit.zenml.local_store import open_local_store
        from mlpo_kit.zenml.stacks import activate_stack
        from mlpo_kit.zenml.work import DOCUMENT

        training = load_training()
        options = build_options(settings, training, draw(training.copy()), cluster)
        options["extra"] = {**options.get("extra", {}), DOCUMENT: document}
        with open_local_store(home):
            activate_stack("manifests", describe_stack(cluster, None, artifact_store))
            return _compile_jobs(training, options)


def _compile_jobs(training: Any, options: dict[str, Any]) -> list[Manifest]:
    from zenml.client import Client
    from zenml.entrypoints.step_entrypoint_configuration import StepEntrypointConfiguration
    from zenml.integrations.kubernetes.orchestrators import (
        kubernetes_orchestrator_entrypoint_configuration as parent,
    )

    configured = training.with_options(**options)
    configured.prepare(settings=None)
    snapshot, _, _ = configured._compile(steps=options["steps"])
    orchestrator: Any = Client().active_stack.orchestrator
    run_settings = orchestrator.get_settings(snapshot)
    parent_job = _build_job(
        orchestrator,
        {"pipeline": configured.name},
        snapshot.pipeline_configuration.docker_settings.parent_image,
        parent.KubernetesOrchestratorEntrypointConfiguration.get_entrypoint_command(),
        run_settings.model_copy(update={"pod_settings": run_settings.orchestrator_pod_settings}),
        run_settings.orchestrator_job_backoff_limit,
    )
    step_jobs = [
        _build_job(
            orchestrator,
            {"pipeline": configured.name, "step_name": name},
            step.config.docker_settings.parent_image,
            StepEntrypointConfiguration.get_entrypoint_command(),
            orchestrator.get_settings(step),
            step.config.retry.max_retries if step.config.retry else 0,
        )
        for name, step in snapshot.step_configurations.items()
    ]
    return [parent_job, *step_jobs]


def _build_job(
    orchestrator: Any,
    labels: dict[str, str],
    image: str | None,
    command: list[str],
    settings: Any,
    retries: int,
) -> Manifest:
    from kubernetes.client import ApiClient
    from zenml.integrations.kubernetes.kube_utils import sanitize_label

    job = orchestrator._prepare_job_manifest(
        name=sanitize_label("-".join([settings.job_name_prefix, *labels.values()])),
        command=command,
        args=[],
        image=image,
        environment={},
        labels=labels,
        annotations={},
        settings=settings,
        pod_settings=settings.pod_settings,
        backoff_limit=retries,
    )
    job.api_version, job.kind = "batch/v1", "Job"
    for part in (job, job.spec.template):
        part.metadata.annotations = None  # ZenML writes the user's name there
    job.metadata.namespace = orchestrator.config.kubernetes_namespace
    manifest: Manifest = drop_nulls(ApiClient().sanitize_for_serialization(job))
    return manifest
