"""A valid cluster, settings for it, and valid manifests of all kinds."""

from __future__ import annotations

import json
from typing import Any

import yaml

from mlpo_kit.cluster import pods
from mlpo_kit.cluster.description import Cluster
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.cluster.workloads import render_workloads
from mlpo_kit.config.documents import merge
from mlpo_kit.config.sections import Resources
from mlpo_kit.config.settings import check_settings

TRAIN = Resources(cpu=4, memory_mb=16384, gpu=1)


def make_settings(**changes: Any) -> Any:
    """Make the small project's settings for a cluster, with a test's changes."""
    document = {
        "project": "digits",
        "compute": "kubernetes",
        "storage_root": "/mnt/store",
        "train": {"device": "cuda"},
        "register": {"model_name": "digits"},
        "resources": {"train": vars(TRAIN), "evaluate": {"cpu": 2, "memory_mb": 8192}},
    }
    return check_settings(merge(document, changes))


def make_cluster(**changes: Any) -> Cluster:
    """Make a cluster with a value in every field."""
    values: dict[str, Any] = {
        "image": "registry.test/team/digits",
        "namespace": "team",
        "service_account": "trainer",
        "mlflow_uri": "http://mlflow.test:5000",
        "variables": {"AWS_ENDPOINT_URL": "http://minio.test:9000"},
        "secrets": {"s3": {"key": "KEY", "id": "ID"}},
        "pull_secrets": ["registry"],
        "volume_claim": "store",
        "node_selector": {"gpu": "yes"},
        "queue": "team-queue",
    }
    return Cluster(**{**values, **changes})


def make_manifests() -> dict[str, list[Manifest]]:
    """Make valid manifests of all kinds that share no objects, so that a test can break one."""
    made: dict[str, list[Manifest]] = json.loads(json.dumps(_render()))
    return made


def _render() -> dict[str, list[Manifest]]:
    settings, cluster = make_settings(), make_cluster()
    work = pods.make_container("train", ["python", "-m", "work"], cluster, settings, TRAIN)
    pod = {**pods.make_pod_spec(work, cluster, settings, TRAIN), "restartPolicy": "Never"}
    about = pods.make_metadata(cluster, settings, "stage", "train")
    job = {"template": {"spec": pod}}
    parts = {name: pod[name] for name in ("volumes", "tolerations", "nodeSelector")}
    later = {**work["resources"], "requests": {"cpu": "{{cpu}}"}}
    templates: list[Manifest] = [
        {"name": "all", "dag": {"tasks": [{"name": "train", "template": "train"}]}},
        {"name": "train", **parts, "container": {**work, "resources": later}},
    ]
    jobset = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": about,
        "spec": {"replicatedJobs": [{"name": "node", "template": {"spec": job}}]},
    }
    created = yaml.safe_dump(jobset).replace("name: node", "name: {{=f(name)}}")
    templates.append({"name": "set", "resource": {"action": "create", "manifest": created}})
    trainer = {key: work[key] for key in ("image", "command", "env")}
    node = {key: work[key] for key in ("securityContext", "volumeMounts")}
    patch = {**pod, "containers": [{"name": "node", **node}]}
    return {
        **render_workloads(settings, cluster, "local"),
        "train": [{"apiVersion": "batch/v1", "kind": "Job", "metadata": about, "spec": job}],
        "set": [jobset],
        "argo": [
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "WorkflowTemplate",
                "metadata": about,
                "spec": {"entrypoint": "all", "templates": templates},
            }
        ],
        "trainer": [
            {
                "apiVersion": "trainer.kubeflow.org/v1alpha1",
                "kind": "TrainJob",
                "metadata": about,
                "spec": {
                    "runtimeRef": {"name": "torch-distributed"},
                    "trainer": {**trainer, "resourcesPerNode": work["resources"]},
                    "runtimePatches": [{"trainingRuntimeSpec": {"template": {"spec": patch}}}],
                },
            }
        ],
    }
