"""Manifests for the cluster besides the pipeline: a volume claim, a role and a TrainJob."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpo_kit.cluster import pods
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.config.sections import Resources, count_nodes
from mlpo_kit.kubeflow.description import KubeflowCluster, read_kubeflow_cluster
from mlpo_kit.kubeflow.trainjob import render_trainjob
from mlpo_kit.runs.pipeline import load_pipeline

# KFP's service account for tasks in a shared namespace, if deploy/cluster.yaml names no other.
SHARED_ACCOUNT = "pipeline-runner"
RULES = [
    {
        "apiGroups": ["trainer.kubeflow.org"],
        "resources": ["trainjobs"],
        "verbs": ["create", "get", "delete"],
    },
    # Needed to report why its pods do not start.
    {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["list"]},
]


def render_own_manifests(settings: Any) -> dict[str, list[Manifest]]:
    """Render the manifests that only Kubeflow needs, by file name."""
    cluster = read_kubeflow_cluster(settings)
    manifests = {}
    if not settings.is_remote:
        manifests["store"] = [
            render_claim(settings, cluster),
            render_first_write(settings, cluster),
        ]
    if count_nodes(settings, load_pipeline().training_stage) > 1:
        manifests["rbac"] = render_role(settings, cluster)
        # Only to be read: the training task creates it, with the name and arguments of its run.
        manifests["trainjob"] = [render_trainjob(settings, cluster)]
    return manifests


def render_claim(settings: Any, cluster: KubeflowCluster) -> Manifest:
    """Render the claim for the store's volume, which all tasks mount at the same time."""
    spec: Manifest = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": f"{cluster.volume_gib}Gi"}},
    }
    if cluster.storage_class:
        spec["storageClassName"] = cluster.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": pods.make_metadata(cluster, settings, "store", str(cluster.volume_claim)),
        "spec": spec,
    }


def render_first_write(settings: Any, cluster: KubeflowCluster) -> Manifest:
    """Render a job that writes to the volume once, as the user that the tasks run as.

    A new volume often belongs to root. This job's `fsGroup` makes Kubernetes give it to the group
    of the tasks; KFP's tasks can't set `fsGroup` themselves.
    """
    resources = Resources(memory_mb=512)
    write = f"import tempfile; tempfile.TemporaryFile(dir={settings.storage_root!r}).close()"
    container = pods.make_container("write", ["python", "-c", write], cluster, settings, resources)
    name = f"{pods.make_object_name(settings.project)}-store"
    metadata = pods.make_metadata(cluster, settings, "store", name)
    labels = {**metadata["labels"], **pods.make_queue_labels(cluster)}
    pod = {**pods.make_pod_spec(container, cluster, settings, resources), "restartPolicy": "Never"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**metadata, "labels": labels},
        "spec": {
            "backoffLimit": 1,
            "activeDeadlineSeconds": 600,
            "ttlSecondsAfterFinished": cluster.ttl_seconds,
            "template": {"metadata": {"labels": metadata["labels"]}, "spec": pod},
        },
    }


def render_role(settings: Any, cluster: KubeflowCluster) -> list[Manifest]:
    """Render the role that lets the training task manage TrainJobs."""
    name = f"{pods.make_object_name(settings.project)}-trainjobs"
    metadata = pods.make_metadata(cluster, settings, "train", name)
    return pods.make_role(metadata, RULES, cluster.service_account or SHARED_ACCOUNT)


def find_missing_gpus(settings: Any) -> Iterator[str]:
    """Find the stages that compute on a GPU but request none."""
    for name in load_pipeline():
        requested = settings.resources.get(name, Resources())
        if getattr(getattr(settings, name), "device", None) == "cuda" and not requested.gpu:
            yield (
                f"{name}.device is cuda, but resources.{name} asks for no GPU, so its task would "
                "fail: set gpu: 1"
            )
