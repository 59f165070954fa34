"""The cluster as ZenML needs it: its part of deploy/cluster.yaml, and what each pod gets there.

Nothing of it is said twice: the pods are the kit's, in ZenML's words.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field

from mlpo_kit.caching.key import find_kit_version
from mlpo_kit.cluster import image, pods
from mlpo_kit.cluster.description import Cluster, Name, check_filled_in, read_cluster
from mlpo_kit.cluster.patches import patch_pod
from mlpo_kit.config.project import PROJECT_VARIABLE
from mlpo_kit.config.sections import Resources, section
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError

Document = dict[str, Any]

SERVER_KEY = "ZENML_STORE_API_KEY"
PARENT = Resources(cpu=1, memory_mb=2048)  # of the pod that starts the steps, and waits for them
# What ZenML calls the fields of a container and of a pod; what is fixed comes from elsewhere.
CONTAINER_FIELDS = {
    "resources": "resources",
    "env": "env",
    "envFrom": "env_from",
    "securityContext": "container_security_context",
    "volumeMounts": "volume_mounts",
}
POD_FIELDS = {
    "volumes": "volumes",
    "tolerations": "tolerations",
    "nodeSelector": "node_selectors",
    "affinity": "affinity",
    "schedulerName": "scheduler_name",
}
FIXED_FIELDS = ("containers", "serviceAccountName")
# Whose failures count as tries: those of the step itself, not that its node was taken away.
FAILURES = {
    "rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "Count",
            "onExitCodes": {"containerName": "main", "operator": "NotIn", "values": [0]},
        },
    ]
}


@section
class ZenmlPart:
    """What only ZenML needs to know."""

    server: Annotated[str, Field(pattern="^https?://.+$")]
    artifact_store: Annotated[str, Field(pattern="^s3://.+$")]
    kubernetes_context: str | None = None
    key_secret: Name = "zenml"


@section
class ZenmlCluster(Cluster):
    """The cluster, with ZenML's part."""

    zenml: ZenmlPart

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every container: also where ZenML's server is, and the code."""
        own = {
            PROJECT_VARIABLE: "/app",
            "ZENML_STORE_URL": self.zenml.server,  # before what the machine says that starts it
            "ZENML_CUSTOM_SOURCE_ROOT": "/app",
            "ZENML_ENABLE_RICH_TRACEBACK": "false",
            # What a step says is in the pod's log.
            "ZENML_DISABLE_STEP_LOGS_STORAGE": "true",
            "ZENML_DISABLE_PIPELINE_LOGS_STORAGE": "true",
        }
        return {**super().environment, **own}

    @property
    def prune_secrets(self) -> dict[str, dict[str, str]]:
        """The key for ZenML's server, which nothing else gets."""
        return {self.zenml.key_secret: {SERVER_KEY: SERVER_KEY}}


def read_zenml_cluster(settings: BaseSettings) -> ZenmlCluster:
    """Read the description; raises PipelineError that names all that is wrong."""
    if settings.compute == "batch":
        raise PipelineError("compute is batch, and ZenML runs on kubernetes, or here: local")
    return read_cluster(ZenmlCluster, settings)


def find_cluster(settings: BaseSettings) -> ZenmlCluster:
    """Read the cluster for a run; raises PipelineError while none could work there."""
    cluster = read_zenml_cluster(settings)
    check_filled_in(cluster, settings)
    if "@sha256:" not in image.read_base_image():
        raise PipelineError(
            "deploy/base-image names no digest yet, so the image of this project was never built: "
            "`make image push` does that, and pins it"
        )
    return cluster


def describe_stack(cluster: Cluster, context: str | None, artifact_store: Document) -> Document:
    """The parts of ZenML's stack, in the form of the files in stacks/."""
    registry = cluster.image.rpartition("/")[0]
    orchestrator = {
        "kubernetes_context": context,
        "kubernetes_namespace": cluster.namespace,
        "pass_zenml_token_as_secret": True,  # or it would be readable in each job
        "skip_local_validations": True,  # the registry of a cluster on a laptop is local, too
    }
    known = {name: value for name, value in orchestrator.items() if value is not None}
    return {
        "orchestrator": {"flavor": "kubernetes", "configuration": known},
        "artifact_store": artifact_store,
        "container_registry": {"flavor": "default", "configuration": {"uri": registry}},
        "image_builder": {"flavor": "local", "configuration": {}},  # ZenML asks for one
    }


def name_account(cluster: Cluster, settings: BaseSettings) -> str:
    """Name the service account of the pods. That of the parent pod may create jobs."""
    return cluster.service_account or f"{pods.object_name(settings.project)}-zenml"


def configure_run(cluster: Cluster, settings: BaseSettings) -> Document:
    """What ZenML is told of all steps: the image, and the pod that starts the others."""
    account = name_account(cluster, settings)
    return {
        "docker": {
            "parent_image": image.name_image(cluster),
            "skip_build": True,  # the project is in it
            "allow_including_files_in_images": False,
            "allow_download_from_artifact_store": False,
            "allow_download_from_code_repository": False,
        },
        "orchestrator": {
            "service_account_name": account,
            "step_pod_service_account_name": account,
            "job_name_prefix": pods.object_name(settings.project),
            "ttl_seconds_after_finished": cluster.ttl_seconds,
            "active_deadline_seconds": round(settings.retention.max_run_hours * 3600),
            "orchestrator_pod_settings": describe_pod(
                cluster, settings, "", PARENT, calls_api=True
            ),
        },
    }


def configure_step(
    cluster: Cluster, settings: BaseSettings, stage: str, asked: Resources
) -> Document:
    """What ZenML is told of a step: the pod that it gets, and how long it may take."""
    made = describe_pod(cluster, settings, stage, asked)
    if labels := pods.queue_labels(cluster):
        made["labels"] = labels  # ZenML puts them on the job, too
    found: Document = {"pod_settings": made, "pod_failure_policy": FAILURES}
    if asked.timeout_hours is not None:
        found["active_deadline_seconds"] = round(asked.timeout_hours * 3600)
    return found


def describe_pod(
    cluster: Cluster,
    settings: BaseSettings,
    stage: str,
    asked: Resources,
    calls_api: bool = False,
) -> Document:
    """The kit's pod, patched by deploy/patches.py, as `KubernetesPodSettings`.

    `stage` is "" for the pods that belong to no stage; their patch is that of `steps`. Raises
    PipelineError for a patch that ZenML has no field for.
    """
    work = pods.container("main", [], cluster, settings, asked)
    work["env"].append({"name": image.VERSION_VARIABLE, "value": find_kit_version()})
    whole = pods.pod_spec(work, cluster, settings, asked, calls_api)
    spec = patch_pod(whole, stage or "steps")
    work = _check_patch(whole, spec, stage or "steps")
    found = {
        **{ours: work.get(name) for name, ours in CONTAINER_FIELDS.items()},
        **{ours: spec.get(name) for name, ours in POD_FIELDS.items()},
        "image_pull_secrets": [secret["name"] for secret in spec.get("imagePullSecrets", [])],
        "additional_pod_spec_args": {
            _to_snake_case(name): value
            for name, value in spec.items()
            if name not in {*POD_FIELDS, *FIXED_FIELDS, "imagePullSecrets"}
        },
    }
    return {name: value for name, value in found.items() if value}


def _check_patch(whole: Document, spec: Document, stage: str) -> Document:
    """Return the patched container; raises PipelineError for what ZenML can't be told of it."""
    (before,), containers = whole["containers"], spec.get("containers", [])
    after: Document = containers[0] if containers else {}
    wrong = [f"{len(containers)} containers"] if len(containers) != 1 else []
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    wrong += sorted(changed - CONTAINER_FIELDS.keys())
    if whole.get("serviceAccountName") != spec.get("serviceAccountName"):
        wrong.append("serviceAccountName")
    if wrong:
        raise PipelineError(
            f"deploy/patches.py: ZenML has no field for this of the pod of {stage}: "
            f"{', '.join(wrong)}"
        )
    return after


def _to_snake_case(name: str) -> str:
    return re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", name)
