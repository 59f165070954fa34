"""The TrainJob of several machines that train one model: `make manifests` writes it down.

Kubeflow Trainer starts `train.nodes` pods of it together and tells torchrun, in variables, where
they meet. The task that trains creates it, waits for it and deletes it (trainer.py).
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

# What Trainer lets a TrainJob say of its pods.
PATCHED = (
    *("containers", "volumes", "securityContext", "serviceAccountName", "imagePullSecrets"),
    *("nodeSelector", "tolerations"),
)
TEMPLATE = "MLPO_KIT_TRAINJOB"  # the variable that holds the TrainJob to create, as JSON
NODE = "node"  # what Trainer's runtimes for torch call the job and the container that train


def render_trainjob(settings: Any, cluster: KubeflowCluster) -> Manifest:
    """Render the TrainJob of a profile, but for its name and its work."""
    name = load_pipeline().training_stage
    train, asked = getattr(settings, name), settings.resources.get(name, Resources())
    timeout = math.ceil(train.timeout_seconds)
    torchrun = ["python", "-m", "torch.distributed.run", f"--rdzv-conf=timeout={timeout}"]
    threads = {"name": "OMP_NUM_THREADS", "value": str(train.threads)}  # of each process
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "train-run", "labels": pods.queue_labels(cluster)},
        "spec": {
            "runtimeRef": {"name": cluster.runtime},
            "trainer": {
                "image": image.name_image(cluster),
                "command": [*torchrun, "-m", "mlpo_kit.training.worker"],
                "args": ["JOB"],
                "numNodes": train.nodes,
                "numProcPerNode": train.processes,
                "resourcesPerNode": pods.resources(cluster, asked),
                "env": [threads, *pods.environment(cluster)],
            },
            "runtimePatches": [
                {
                    "manager": "pipeline",
                    "trainingRuntimeSpec": {
                        "template": {
                            "spec": {"replicatedJobs": [_patch_pods(settings, cluster, asked)]}
                        }
                    },
                }
            ],
        },
    }


def make_trainjob(template: Manifest, run_id: str, job: str, owner: dict[str, str]) -> Manifest:
    """Make the TrainJob of one run. It goes with its owner, the pod of the task: name, uid."""
    made = deepcopy(template)
    made["metadata"]["name"] = f"train-{re.sub('[^a-z0-9]+', '-', run_id.lower())[:40].strip('-')}"
    if owner:
        made["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", **owner}]
    made["spec"]["trainer"]["args"] = [job]
    return made


def _patch_pods(settings: Any, cluster: KubeflowCluster, asked: Resources) -> Manifest:
    """What all pods get besides; Trainer takes no more of a pod than these fields."""
    whole = pods.pod_spec(
        {
            "name": NODE,
            "securityContext": pods.container_security(),
            "volumeMounts": pods.mounts(settings, asked),
        },
        cluster,
        settings,
        asked,
    )
    pod = {field: whole[field] for field in PATCHED if field in whole}
    return {"name": NODE, "template": {"spec": {"template": {"spec": pod}}}}
