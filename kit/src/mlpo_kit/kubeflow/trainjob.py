"""Render the TrainJob with which several machines train one model.

Kubeflow Trainer starts `train.nodes` pods together and sets torchrun's rendezvous variables. The
training task creates the TrainJob, waits for it and deletes it (trainer.py). `make manifests`
writes it to a file, to be read.
"""

from __future__ import annotations

import math
import re
from copy import deepcopy
from typing import Any

from mlpo_kit.cluster import image, pods
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.config.sections import Resources
from mlpo_kit.kubeflow.description import KubeflowCluster
from mlpo_kit.runs.pipeline import load_pipeline

# The fields of a pod that Trainer lets a TrainJob patch.
PATCHABLE_FIELDS = (
    *("containers", "volumes", "securityContext", "serviceAccountName", "imagePullSecrets"),
    *("nodeSelector", "tolerations"),
)
TEMPLATE = "MLPO_KIT_TRAINJOB"  # the variable that holds the TrainJob to create, as JSON
NODE = "node"  # the name of job and container in Trainer's runtimes for torch


def render_trainjob(settings: Any, cluster: KubeflowCluster) -> Manifest:
    """Render a profile's TrainJob as a template; `make_trainjob` sets name and arguments."""
    name = load_pipeline().training_stage
    train, requested = getattr(settings, name), settings.resources.get(name, Resources())
    timeout = math.ceil(train.timeout_seconds)
    # It names a process that was killed, and otherwise does what torch.distributed.run does.
    torchrun = ["python", "-m", "mlpo_kit.training.torchrun", f"--rdzv-conf=timeout={timeout}"]
    threads = {"name": "OMP_NUM_THREADS", "value": str(train.threads)}  # of each process
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "train-run", "labels": pods.make_queue_labels(cluster)},
        "spec": {
            "runtimeRef": {"name": cluster.runtime},
            "trainer": {
                "image": image.name_image(cluster),
                "command": [*torchrun, "-m", "mlpo_kit.training.worker"],
                "args": ["JOB"],
                "numNodes": train.nodes,
                "numProcPerNode": train.processes,
                "resourcesPerNode": pods.make_resources(cluster, requested),
                "env": [threads, *pods.make_environment(cluster)],
            },
            "runtimePatches": [
                {
                    "manager": "pipeline",
                    "trainingRuntimeSpec": {
                        "template": {
                            "spec": {"replicatedJobs": [_patch_pods(settings, cluster, requested)]}
                        }
                    },
                }
            ],
        },
    }


def make_trainjob(template: Manifest, run_id: str, job: str, owner: dict[str, str]) -> Manifest:
    """Make the TrainJob of one run.

    `owner` is the name and uid of the task's pod; Kubernetes deletes the TrainJob with that pod.
    """
    trainjob = deepcopy(template)
    name = re.sub("[^a-z0-9]+", "-", run_id.lower())[:40].strip("-")
    trainjob["metadata"]["name"] = f"train-{name}"
    if owner:
        trainjob["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", **owner}]
    trainjob["spec"]["trainer"]["args"] = [job]
    return trainjob


def _patch_pods(settings: Any, cluster: KubeflowCluster, requested: Resources) -> Manifest:
    """Return the patch for all pods, limited to the fields that Trainer allows."""
    whole = pods.make_pod_spec(
        {
            "name": NODE,
            "securityContext": pods.make_container_security(),
            "volumeMounts": pods.make_mounts(settings, requested),
        },
        cluster,
        settings,
        requested,
    )
    pod = {field: whole[field] for field in PATCHABLE_FIELDS if field in whole}
    return {"name": NODE, "template": {"spec": {"template": {"spec": pod}}}}
