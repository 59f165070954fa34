"""What the cluster is given besides the pipeline: a claim, a role, a job of several machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpo_kit.cluster import pods
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.config.sections import Resources, count_nodes
from mlpo_kit.kubeflow.description import KubeflowCluster, read_kubeflow_cluster
from mlpo_kit.kubeflow.trainjob import render_trainjob
from mlpo_kit.runs.pipeline import load_pipeline

# The account of KFP's tasks where all teams share a namespace, if the description names no other.
SHARED_ACCOUNT = "pipeline-runner"
RULES = [
    {
        "apiGroups": ["trainer.kubeflow.org"],
        "resources": ["trainjobs"],
        "verbs": ["create", "get", "delete"],
    },
    # To say why its pods do not start.
    {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["list"]},
]


def render_own_manifests(settings: Any) -> dict[str, list[Manifest]]:
    """Render the manifests that only Kubeflow needs, by the name of their file."""
    cluster = read_kubeflow_cluster(settings)
    found = {}
    if not settings.is_remote:
        found["store"] = [
            render_claim(settings, cluster),
            render_first_write(settings, cluster),
        ]
    if count_nodes(settings, load_pipeline().training_stage) > 1:
        found["rbac"] = render_role(settings, cluster)
        # To look at: the task that trains creates it, with the name and the work of its run.
        found["trainjob"] = [render_trainjob(settings, cluster)]
    return found


def render_claim(settings: Any, cluster: KubeflowCluster) -> Manifest:
    """Render the volume that holds the store, for all tasks at the same time."""
    spec: Manifest = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": f"{cluster.volume_gib}Gi"}},
    }
    if cluster.storage_class:
        spec["storageClassName"] = cluster.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": pods.metadata(cluster, settings, "store", str(cluster.volume_claim)),
        "spec": spec,
    }


def render_first_write(settings: Any, cluster: KubeflowCluster) -> Manifest:
    """Render a job that writes to the volume once, as the tasks will.

    A new volume is often root's. Kubernetes gives it to this job's group, as it does where a pod
    says `fsGroup`; that is what a task of KFP has no way to say.
    """
    asked = Resources(memory_mb=512)
    write = f"import tempfile; tempfile.TemporaryFile(dir={settings.storage_root!r}).close()"
    work = pods.container("write", ["python", "-c", write], cluster, settings, asked)
    name = f"{pods.object_name(settings.project)}-store"
    metadata = pods.metadata(cluster, settings, "store", name)
    labels = {**metadata["labels"], **pods.queue_labels(cluster)}
    pod = {**pods.pod_spec(work, cluster, settings, asked), "restartPolicy": "Never"}
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
    """Render what the task that trains may do, to let a TrainJob train."""
    name = f"{pods.object_name(settings.project)}-trainjobs"
    metadata = pods.metadata(cluster, settings, "train", name)
    return pods.render_role(metadata, RULES, cluster.service_account or SHARED_ACCOUNT)


def find_missing_gpus(settings: Any) -> Iterator[str]:
    """Find the stages that compute on a GPU, and ask for none."""
    for name in load_pipeline():
        asked = settings.resources.get(name, Resources())
        if getattr(getattr(settings, name), "device", None) == "cuda" and not asked.gpu:
            yield (
                f"{name}.device is cuda, and resources.{name} asks for no GPU: its task would "
                "fail; say gpu: 1"
            )
