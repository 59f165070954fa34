"""Build the parts that all pods have in common, from deploy/cluster.yaml and the profile.

A pod can write to /tmp, to /dev/shm if it has a GPU, and to the store, and nowhere else. It runs as
the image's user, without privileges. Its resource requests equal its limits.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from mlpo_kit.cluster import image
from mlpo_kit.cluster.description import Cluster
from mlpo_kit.config.sections import Resources
from mlpo_kit.config.settings import BaseSettings

Manifest = dict[str, Any]

USER = 10001  # the user id in deploy/Dockerfile
QUEUE = "kueue.x-k8s.io/queue-name"
COMPONENT = "app.kubernetes.io/component"
TMP, SHM = "/tmp", "/dev/shm"


def make_environment(cluster: Cluster, request: Resources | None = None) -> list[Manifest]:
    """Return a container's `env`, with the variables from secrets last.

    With a `request`, OMP_NUM_THREADS limits torch to the requested cores: by default torch starts a
    thread for each core of the node.
    """
    threads = {"OMP_NUM_THREADS": str(request.cpu)} if request else {}
    values = {**threads, **cluster.environment}
    return [
        *({"name": name, "value": value} for name, value in values.items()),
        *(
            {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
            for secret, variables in cluster.secrets.items()
            for key, name in variables.items()
        ),
    ]


def make_resources(cluster: Cluster, request: Resources) -> Manifest:
    """Return a container's `resources`: requests and equal limits."""
    amounts = {"cpu": str(request.cpu), "memory": f"{request.memory_mb}Mi"}
    if request.gpu:
        amounts[cluster.gpu_type] = str(request.gpu)
    return {"requests": amounts, "limits": dict(amounts)}


def make_container_security() -> Manifest:
    """Return a container's `securityContext`: no root, no privileges, a read-only file system."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def make_pod_security() -> Manifest:
    """Return a pod's `securityContext`: its volumes belong to the image's user."""
    return {"fsGroup": USER, "fsGroupChangePolicy": "OnRootMismatch"}


def make_volumes(cluster: Cluster, settings: BaseSettings, request: Resources) -> list[Manifest]:
    """Return a pod's `volumes`, which `mounts` mounts in its container."""
    volumes: list[Manifest] = [{"name": "tmp", "emptyDir": {}}]
    if request.gpu:
        memory = {"medium": "Memory", "sizeLimit": f"{cluster.shared_memory_mb}Mi"}
        volumes.append({"name": "shm", "emptyDir": memory})
    if not settings.is_remote:
        claim = {"claimName": cluster.volume_claim}
        volumes.append({"name": "store", "persistentVolumeClaim": claim})
    return volumes


def make_mounts(settings: BaseSettings, request: Resources) -> list[Manifest]:
    """Return a container's `volumeMounts`: /tmp, /dev/shm with a GPU, and a store on a volume."""
    mounts = [{"name": "tmp", "mountPath": TMP}]
    if request.gpu:
        mounts.append({"name": "shm", "mountPath": SHM})
    if not settings.is_remote:
        mounts.append({"name": "store", "mountPath": settings.storage_root})
    return mounts


def make_tolerations(cluster: Cluster) -> list[Manifest]:
    """Return the `tolerations` of a pod with a GPU, which let it run on nodes with a taint."""
    return [
        {
            name: value
            for name in ("key", "operator", "value", "effect")
            if (value := getattr(toleration, name)) is not None
        }
        for toleration in cluster.tolerations
    ]


def make_container(
    name: str, command: list[str], cluster: Cluster, settings: BaseSettings, request: Resources
) -> Manifest:
    """Return a container that runs a command in the project's image."""
    return {
        "name": name,
        "image": image.name_image(cluster),
        "command": command,
        "env": make_environment(cluster, request),
        "resources": make_resources(cluster, request),
        "securityContext": make_container_security(),
        "volumeMounts": make_mounts(settings, request),
    }


def make_pod_spec(
    work: Manifest,
    cluster: Cluster,
    settings: BaseSettings,
    request: Resources,
    calls_api: bool = False,
) -> Manifest:
    """Return the `spec` of a pod with one container, `work`, before `patch_pod`.

    `calls_api` mounts the service account's token, with which the pod can call Kubernetes' API.
    """
    spec: Manifest = {
        "automountServiceAccountToken": calls_api,
        "enableServiceLinks": False,  # otherwise a Service named mlflow sets MLFLOW_PORT
        "securityContext": make_pod_security(),
        "containers": [work],
        "volumes": make_volumes(cluster, settings, request),
    }
    if cluster.service_account:
        spec["serviceAccountName"] = cluster.service_account
    if cluster.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in cluster.pull_secrets]
    if request.gpu:
        spec["tolerations"] = make_tolerations(cluster)
        if cluster.node_selector:
            spec["nodeSelector"] = dict(cluster.node_selector)
    return spec


def make_queue_labels(cluster: Cluster) -> dict[str, str]:
    """Return the label of a job that Kueue admits to its queue; empty without a queue."""
    return {QUEUE: cluster.queue} if cluster.queue else {}


def make_labels(settings: BaseSettings, component: str) -> dict[str, str]:
    """Return the labels for people and selectors: the project's name and the component."""
    return {"app.kubernetes.io/name": make_object_name(settings.project), COMPONENT: component}


def make_metadata(cluster: Cluster, settings: BaseSettings, component: str, name: str) -> Manifest:
    """Return an object's `metadata`: name, namespace and labels."""
    managed = {"app.kubernetes.io/managed-by": "mlpo"}
    return {
        "name": name,
        "namespace": cluster.namespace,
        "labels": {**make_labels(settings, component), **managed},
    }


def make_role(metadata: Manifest, rules: list[Manifest], account: str) -> list[Manifest]:
    """Render a Role, and a RoleBinding that gives it to a service account of the same namespace."""
    group = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": account, "namespace": metadata["namespace"]}
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": metadata["name"]},
            "subjects": [subject],
        },
    ]


def make_object_name(text: str, limit: int = 40) -> str:
    """Return a name that Kubernetes accepts for any object, as close to `text` as possible.

    The default `limit` of characters leaves room for suffixes. If more than case and underscores
    had to change, a hash of `text` is appended, so that different texts give different names.
    """
    plain = text.lower().replace("_", "-")
    name = re.sub("[^a-z0-9]+", "-", plain).strip("-")
    if name != plain or len(name) > limit or not name[:1].isalpha():
        digest = hashlib.sha256(text.encode()).hexdigest()[:6]
        start = name if name[:1].isalpha() else f"p-{name}"
        name = f"{start[: limit - 7].strip('-')}-{digest}"
    return name
