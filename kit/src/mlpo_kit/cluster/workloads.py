"""Render the manifests of every project: the model server and the nightly prune."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from mlpo_kit.cluster import pods
from mlpo_kit.cluster.description import Cluster
from mlpo_kit.cluster.patches import patch_pod
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.config.sections import Resources
from mlpo_kit.config.settings import BaseSettings, find_profile

PRUNE = ("-m", "mlpo_kit.cli", "prune")
PRUNE_REQUEST = Resources(cpu=1, memory_mb=2048)

# The comments above the manifests, by file name without suffix.
NOTES = {
    "serving": """\
# Serves the champion behind a Service: kubectl apply -f build/manifests/serving.yaml
# A server loads the champion when it starts. After a run has promoted another model, or after
# `make rollback`, restart the servers to load the new champion:
#   kubectl -n {namespace} rollout restart deployment/{name}
# An old pod stops once its successor answers. `kubectl rollout undo` restores an earlier image and
# its settings, but not an earlier model: the registry decides which model is the champion. The
# settings of earlier images stay in ConfigMaps; delete those that you no longer need:
#   kubectl -n {namespace} get configmaps -l app.kubernetes.io/name={name}
""",
    "prune": """\
# Prunes every night, by the retention policy: kubectl apply -f build/manifests/prune.yaml
# To prune at once: kubectl -n {namespace} create job --from=cronjob/{name}-prune {name}-prune-now
""",
}


def describe_files(settings: BaseSettings, cluster: Cluster) -> dict[str, str]:
    """Return the comments on how to use each file of manifests, by file name without suffix."""
    name = pods.make_object_name(settings.project)
    return {
        stem: note.format(namespace=cluster.namespace, name=name) for stem, note in NOTES.items()
    }


def render_workloads(
    settings: BaseSettings, cluster: Cluster, profile: str, prune: Sequence[str] | None = PRUNE
) -> dict[str, list[Manifest]]:
    """Render the files `serving` and `prune`, with the pods patched by deploy/patches.py.

    `prune` holds Python's arguments for the nightly prune; None renders no file `prune`.
    """
    stem = find_profile(profile).stem
    config = _render_settings(settings, cluster, profile)
    files = {"serving": [config, *_render_serving(settings, cluster, config, stem)]}
    if prune is not None:
        command = ["python", *prune, "--profile", stem, "--apply"]
        files["prune"] = [config, _render_prune(settings, cluster, config, command)]
    return files


def _render_settings(settings: BaseSettings, cluster: Cluster, profile: str) -> Manifest:
    """Render the settings files as a ConfigMap.

    Its name has a hash of the content, so that changed settings restart the pods.
    """
    files = sorted({find_profile("base"), find_profile(profile)}, key=lambda path: path.name)
    data = {path.name: path.read_text(encoding="utf-8") for path in files}
    digest = hashlib.sha256(repr(data).encode()).hexdigest()[:8]
    name = f"{pods.make_object_name(settings.project)}-settings-{digest}"
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": pods.make_metadata(cluster, settings, "settings", name),
        "immutable": True,
        "data": data,
    }


def _render_pod(
    settings: BaseSettings, cluster: Cluster, config: Manifest, request: Resources, work: Manifest
) -> Manifest:
    """Render the `spec` of a pod that mounts the settings at /app/configs, before `patch_pod`."""
    spec = pods.make_pod_spec(work, cluster, settings, request)
    source = {"name": config["metadata"]["name"]}
    spec["volumes"].append({"name": "settings", "configMap": source})
    mount = {"name": "settings", "mountPath": "/app/configs", "readOnly": True}
    work["volumeMounts"].append(mount)
    return spec


def _render_serving(
    settings: BaseSettings, cluster: Cluster, config: Manifest, profile: str
) -> list[Manifest]:
    """Render the server's Deployment, Service and PodDisruptionBudget."""
    name, component = pods.make_object_name(settings.project), "server"
    command = ["python", "-m", "mlpo_kit.cli", "serve", "--profile", profile]
    command += ["--host", "0.0.0.0", "--port", "8000"]
    work = pods.make_container(component, command, cluster, settings, cluster.server)
    health = {"httpGet": {"path": "/health", "port": "http"}, "timeoutSeconds": 5}
    work |= {
        "ports": [{"name": "http", "containerPort": 8000}],
        # Allows five minutes to import torch and fetch the model.
        "startupProbe": {**health, "periodSeconds": 5, "failureThreshold": 60},
        "readinessProbe": {**health, "periodSeconds": 5},
        "livenessProbe": {**health, "periodSeconds": 20, "failureThreshold": 6},
        # Requests arrive until all nodes know that this pod stops.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
    }
    selector = {"matchLabels": pods.make_labels(settings, component)}
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": selector,
    }
    metadata = pods.make_metadata(cluster, settings, component, name)
    pod = _render_pod(settings, cluster, config, cluster.server, work)
    pod["topologySpreadConstraints"] = [spread]
    deployment = {
        "replicas": cluster.replicas,
        "revisionHistoryLimit": 3,
        "selector": selector,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
        "template": {
            "metadata": {"labels": metadata["labels"]},
            "spec": patch_pod(pod, component),
        },
    }
    service = {
        "selector": pods.make_labels(settings, component),
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    }
    budget = {"maxUnavailable": 1, "selector": selector}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata,
            "spec": budget,
        },
    ]


def _render_prune(
    settings: BaseSettings, cluster: Cluster, config: Manifest, command: list[str]
) -> Manifest:
    """Render a CronJob that applies the retention policy."""
    name = f"{pods.make_object_name(settings.project)}-prune"
    work = pods.make_container("prune", command, cluster, settings, PRUNE_REQUEST)
    work["env"] += [
        # Optional, so that without the secret the prune starts and can report what is missing.
        {
            "name": variable,
            "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}},
        }
        for secret, variables in cluster.prune_secrets.items()
        for key, variable in variables.items()
    ]
    metadata = pods.make_metadata(cluster, settings, "prune", name)
    pod = {**_render_pod(settings, cluster, config, PRUNE_REQUEST, work), "restartPolicy": "Never"}
    pod = patch_pod(pod, "prune")
    job = {
        "backoffLimit": 2,
        "activeDeadlineSeconds": 6 * 3600,
        "ttlSecondsAfterFinished": cluster.ttl_seconds,
        "template": {"metadata": {"labels": metadata["labels"]}, "spec": pod},
    }
    job_labels = {**metadata["labels"], **pods.make_queue_labels(cluster)}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata,
        "spec": {
            "schedule": "30 3 * * *",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"metadata": {"labels": job_labels}, "spec": job},
        },
    }
