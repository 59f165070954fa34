"""Configure tasks for a cluster: image, environment, store, resources, GPU, time limits."""

from __future__ import annotations

import json
from typing import Any

from kfp import dsl, kubernetes

from mlpo_kit.cluster import image, pods
from mlpo_kit.config.sections import Resources, count_nodes
from mlpo_kit.kubeflow.description import KubeflowCluster
from mlpo_kit.kubeflow.trainjob import TEMPLATE

HOUR = 3600  # seconds
# For a task that computes nothing itself: it waits for a TrainJob, or chooses a trial.
LIGHT = Resources(cpu=1, memory_mb=2048)


def find_resources(stage: str, settings: Any) -> Resources:
    """Find the resources that the task of a stage requests."""
    if count_nodes(settings, stage) > 1:
        return LIGHT  # the pods of the TrainJob get the stage's resources
    resources: Resources = settings.resources.get(stage, Resources())
    return resources


def place_task(task: Any, settings: Any, cluster: KubeflowCluster, requested: Resources) -> None:
    """Give a task its image, environment, secrets, store and resources."""
    task.set_container_image(image.name_image(cluster))
    for variable in pods.make_environment(cluster, requested):
        if "value" in variable:
            task.set_env_variable(variable["name"], variable["value"])
    for secret, variables in cluster.secrets.items():
        kubernetes.use_secret_as_env(task, secret, secret_key_to_env=variables)
    if not settings.is_remote:
        kubernetes.mount_pvc(task, cluster.volume_claim, mount_path=settings.storage_root)
    if cluster.pull_secrets:
        kubernetes.set_image_pull_secrets(task, cluster.pull_secrets)
    for label, value in pods.make_queue_labels(cluster).items():
        kubernetes.add_pod_label(task, label, value)
    # KFP itself forbids privilege escalation and drops all capabilities.
    user = pods.USER
    kubernetes.set_security_context(task, run_as_user=user, run_as_group=user, run_as_non_root=True)
    memory = f"{requested.memory_mb}Mi"
    task.set_cpu_request(str(requested.cpu)).set_cpu_limit(str(requested.cpu))
    task.set_memory_request(memory).set_memory_limit(memory)
    if requested.gpu:
        _give_gpus(task, cluster, requested)


def _give_gpus(task: Any, cluster: KubeflowCluster, requested: Resources) -> None:
    # KFP needs type and limit: with the limit alone it silently requests no GPU.
    task.set_accelerator_type(cluster.gpu_type).set_accelerator_limit(requested.gpu)
    shared = f"{cluster.shared_memory_mb}Mi"
    kubernetes.empty_dir_mount(task, "shm", pods.SHM, medium="Memory", size_limit=shared)
    kubernetes.add_toleration_json(task, pods.make_tolerations(cluster))
    for label, value in cluster.node_selector.items():
        kubernetes.add_node_selector(task, label, value)


def limit_task(task: Any, requested: Resources, retries: int = 0) -> None:
    """Set a task's retries and time-out from the settings.

    `retries` is the default, if the settings name no number.
    """
    count = retries if requested.retries is None else requested.retries
    if count:
        task.set_retry(num_retries=count)
    if requested.timeout_hours:
        kubernetes.set_timeout(task, int(requested.timeout_hours * HOUR))


def limit_run(settings: Any, cluster: KubeflowCluster) -> dsl.PipelineConfig:
    """Limit how long a run may last, and how long its pods are kept afterwards.

    Pruning takes a run that lasts longer for dead. The limit also ends the wait for a pod whose
    image can't be pulled or that fits on no node.
    """
    return dsl.PipelineConfig(
        active_deadline_seconds=int(settings.retention.max_run_hours * HOUR),
        ttl_seconds_after_finished=cluster.ttl_seconds,
    )


def let_call_kfp(task: Any, cluster: KubeflowCluster) -> None:
    """Set the address of KFP's API in a task's environment, if deploy/cluster.yaml names it."""
    if cluster.api:
        task.set_env_variable("KF_PIPELINES_ENDPOINT", cluster.api)


def let_start_trainjob(task: Any, trainjob: dict[str, Any]) -> None:
    """Give a task the TrainJob to start, and its own pod's name and uid.

    The pod owns the TrainJob, so Kubernetes deletes the TrainJob together with the pod.
    """
    task.set_env_variable(TEMPLATE, json.dumps(trainjob))
    for variable, field in (
        ("POD_NAMESPACE", "metadata.namespace"),
        ("POD_NAME", "metadata.name"),
        ("POD_UID", "metadata.uid"),
    ):
        kubernetes.use_field_path_as_env(task, variable, field)
