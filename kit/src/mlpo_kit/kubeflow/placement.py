"""What each task gets on a cluster: image, environment, store, resources, GPU."""

from __future__ import annotations

import json
from typing import Any

from kfp import dsl, kubernetes

from mlpo_kit.cluster import image, pods
from mlpo_kit.config.sections import Resources, count_nodes
from mlpo_kit.kubeflow.description import KubeflowCluster
from mlpo_kit.kubeflow.trainjob import TEMPLATE

HOUR = 3600  # seconds
# For a task that does no work of its own: it waits for the pods of a TrainJob, or picks a trial.
LIGHT = Resources(cpu=1, memory_mb=2048)


def find_resources(stage: str, settings: Any) -> Resources:
    """Find what the task of a stage asks for."""
    if count_nodes(settings, stage) > 1:
        return LIGHT  # the pods of the TrainJob have what it needs
    found: Resources = settings.resources.get(stage, Resources())
    return found


def place_task(task: Any, settings: Any, cluster: KubeflowCluster, asked: Resources) -> None:
    """Give a task the image, the store, the registry and the resources that it asks for."""
    task.set_container_image(image.name_image(cluster))
    for variable in pods.environment(cluster, asked):
        if "value" in variable:
            task.set_env_variable(variable["name"], variable["value"])
    for secret, variables in cluster.secrets.items():
        kubernetes.use_secret_as_env(task, secret, secret_key_to_env=variables)
    if not settings.is_remote:
        kubernetes.mount_pvc(task, cluster.volume_claim, mount_path=settings.storage_root)
    if cluster.pull_secrets:
        kubernetes.set_image_pull_secrets(task, cluster.pull_secrets)
    for label, value in pods.queue_labels(cluster).items():
        kubernetes.add_pod_label(task, label, value)
    # KFP adds by itself that it gains no privileges, and has no capabilities.
    user = pods.USER
    kubernetes.set_security_context(task, run_as_user=user, run_as_group=user, run_as_non_root=True)
    memory = f"{asked.memory_mb}Mi"
    task.set_cpu_request(str(asked.cpu)).set_cpu_limit(str(asked.cpu))
    task.set_memory_request(memory).set_memory_limit(memory)
    if asked.gpu:
        _give_gpus(task, cluster, asked)


def _give_gpus(task: Any, cluster: KubeflowCluster, asked: Resources) -> None:
    # Both: with the limit alone KFP asks for no GPU, and says nothing.
    task.set_accelerator_type(cluster.gpu_type).set_accelerator_limit(asked.gpu)
    shared = f"{cluster.shared_memory_mb}Mi"
    kubernetes.empty_dir_mount(task, "shm", pods.SHM, medium="Memory", size_limit=shared)
    kubernetes.add_toleration_json(task, pods.tolerations(cluster))
    for label, value in cluster.node_selector.items():
        kubernetes.add_node_selector(task, label, value)


def limit_task(task: Any, asked: Resources, retries: int = 0) -> None:
    """Set how often a task is tried again, and how long it may take, as the settings say.

    `retries` is for where they say nothing.
    """
    wanted = retries if asked.retries is None else asked.retries
    if wanted:
        task.set_retry(num_retries=wanted)
    if asked.timeout_hours:
        kubernetes.set_timeout(task, int(asked.timeout_hours * HOUR))


def limit_run(settings: Any, cluster: KubeflowCluster) -> dsl.PipelineConfig:
    """Limit how long a run may last, and how long its pods are kept afterwards.

    A prune takes a run that lasts longer for dead. A pod whose image can't be pulled, or that no
    node has room for, waits no longer either.
    """
    return dsl.PipelineConfig(
        active_deadline_seconds=int(settings.retention.max_run_hours * HOUR),
        ttl_seconds_after_finished=cluster.ttl_seconds,
    )


def let_call_kfp(task: Any, cluster: KubeflowCluster) -> None:
    """Tell a task where KFP's API is, if the cluster's description says so."""
    if cluster.api:
        task.set_env_variable("KF_PIPELINES_ENDPOINT", cluster.api)


def let_start_trainjob(task: Any, trainjob: dict[str, Any]) -> None:
    """Tell a task which TrainJob to start, and who it is, so that the job goes when it goes."""
    task.set_env_variable(TEMPLATE, json.dumps(trainjob))
    for variable, field in (
        ("POD_NAMESPACE", "metadata.namespace"),
        ("POD_NAME", "metadata.name"),
        ("POD_UID", "metadata.uid"),
    ):
        kubernetes.use_field_path_as_env(task, variable, field)
