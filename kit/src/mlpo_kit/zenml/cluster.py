"""Configure ZenML for the cluster: ZenML's part of deploy/cluster.yaml, its stack and its pods.

The pods are built by `mlpo_kit.cluster.pods`, as for the other orchestrators, and then translated
to ZenML's settings.
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
PARENT = Resources(cpu=1, memory_mb=2048)  # for the pod that starts the steps and waits for them
# ZenML's names for the fields of a container and of a pod. Patches can't change FIXED_FIELDS.
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
# Count a failure of the step as a try, but not the loss of its node.
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
    """The settings in deploy/cluster.yaml that only ZenML needs."""

    server: Annotated[str, Field(pattern="^https?://.+$")]
    artifact_store: Annotated[str, Field(pattern="^s3://.+$")]
    kubernetes_context: str | None = None
    key_secret: Name = "zenml"


@section
class ZenmlCluster(Cluster):
    """The cluster with ZenML's settings."""

    zenml: ZenmlPart

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables of every container, with ZenML's server and the project's path."""
        variables = {
            PROJECT_VARIABLE: "/app",
            "ZENML_STORE_URL": self.zenml.server,  # overrides the launching machine's value
            "ZENML_CUSTOM_SOURCE_ROOT": "/app",
            "ZENML_ENABLE_RICH_TRACEBACK": "false",
            # The output of a step is in the pod's log.
            "ZENML_DISABLE_STEP_LOGS_STORAGE": "true",
            "ZENML_DISABLE_PIPELINE_LOGS_STORAGE": "true",
        }
        return {**super().environment, **variables}

    @property
    def prune_secrets(self) -> dict[str, dict[str, str]]:
        """Return the secret with the key for ZenML's server, which only the prune job gets."""
        return {self.zenml.key_secret: {SERVER_KEY: SERVER_KEY}}


def read_zenml_cluster(settings: BaseSettings) -> ZenmlCluster:
    """Read deploy/cluster.yaml; raises PipelineError that lists everything wrong with it."""
    if settings.compute == "batch":
        raise PipelineError("compute is batch, but ZenML runs only on kubernetes or local")
    return read_cluster(ZenmlCluster, settings)


def find_cluster(settings: BaseSettings) -> ZenmlCluster:
    """Read the cluster for a run; raises PipelineError if the description is incomplete."""
    cluster = read_zenml_cluster(settings)
    check_filled_in(cluster, settings)
    if "@sha256:" not in image.read_base_image():
        raise PipelineError(
            "deploy/base-image names no digest yet, so the image of this project was never built: "
            "run `make image push`, which also pins the digest"
        )
    return cluster


def describe_stack(cluster: Cluster, context: str | None, artifact_store: Document) -> Document:
    """Return the components of ZenML's stack, in the format of the files in stacks/."""
    registry = cluster.image.rpartition("/")[0]
    orchestrator = {
        "kubernetes_context": context,
        "kubernetes_namespace": cluster.namespace,
        "pass_zenml_token_as_secret": True,  # otherwise it would be readable in each job
        "skip_local_validations": True,  # a cluster on a laptop has a local registry
    }
    configuration = {name: value for name, value in orchestrator.items() if value is not None}
    return {
        "orchestrator": {"flavor": "kubernetes", "configuration": configuration},
        "artifact_store": artifact_store,
        "container_registry": {"flavor": "default", "configuration": {"uri": registry}},
        "image_builder": {"flavor": "local", "configuration": {}},  # ZenML requires one
    }


def name_account(cluster: Cluster, settings: BaseSettings) -> str:
    """Return the service account of the pods; its role lets the parent pod create jobs."""
    return cluster.service_account or f"{pods.make_object_name(settings.project)}-zenml"


def configure_run(cluster: Cluster, settings: BaseSettings) -> Document:
    """Return ZenML's settings for the whole run: the image, and the pod that starts the steps."""
    account = name_account(cluster, settings)
    return {
        "docker": {
            "parent_image": image.name_image(cluster),
            "skip_build": True,  # the image contains the project
            "allow_including_files_in_images": False,
            "allow_download_from_artifact_store": False,
            "allow_download_from_code_repository": False,
        },
        "orchestrator": {
            "service_account_name": account,
            "step_pod_service_account_name": account,
            "job_name_prefix": pods.make_object_name(settings.project),
            "ttl_seconds_after_finished": cluster.ttl_seconds,
            "active_deadline_seconds": round(settings.retention.max_run_hours * 3600),
            "orchestrator_pod_settings": describe_pod(
                cluster, settings, "", PARENT, calls_api=True
            ),
        },
    }


def configure_step(
    cluster: Cluster, settings: BaseSettings, stage: str, requested: Resources
) -> Document:
    """Return ZenML's settings for a step: its pod, and how long it may take."""
    pod = describe_pod(cluster, settings, stage, requested)
    if labels := pods.make_queue_labels(cluster):
        pod["labels"] = labels  # ZenML adds them to the job as well
    configuration: Document = {"pod_settings": pod, "pod_failure_policy": FAILURES}
    if requested.timeout_hours is not None:
        configuration["active_deadline_seconds"] = round(requested.timeout_hours * 3600)
    return configuration


def describe_pod(
    cluster: Cluster,
    settings: BaseSettings,
    stage: str,
    requested: Resources,
    calls_api: bool = False,
) -> Document:
    """Return a pod as `KubernetesPodSettings`, with the patches in deploy/patches.py.

    `stage` is "" for pods that belong to no stage; they get the patch for `steps`. Raises
    PipelineError for a patch that ZenML has no field for.
    """
    container = pods.make_container("main", [], cluster, settings, requested)
    container["env"].append({"name": image.VERSION_VARIABLE, "value": find_kit_version()})
    original = pods.make_pod_spec(container, cluster, settings, requested, calls_api)
    spec = patch_pod(original, stage or "steps")
    container = _check_patch(original, spec, stage or "steps")
    pod_settings = {
        **{zenml_name: container.get(name) for name, zenml_name in CONTAINER_FIELDS.items()},
        **{zenml_name: spec.get(name) for name, zenml_name in POD_FIELDS.items()},
        "image_pull_secrets": [secret["name"] for secret in spec.get("imagePullSecrets", [])],
        "additional_pod_spec_args": {
            _to_snake_case(name): value
            for name, value in spec.items()
            if name not in {*POD_FIELDS, *FIXED_FIELDS, "imagePullSecrets"}
        },
    }
    return {name: value for name, value in pod_settings.items() if value}


def _check_patch(original: Document, patched: Document, stage: str) -> Document:
    """Return the patched container; raises PipelineError for changes that ZenML can't express."""
    (before,), containers = original["containers"], patched.get("containers", [])
    after: Document = containers[0] if containers else {}
    unsupported = [f"{len(containers)} containers"] if len(containers) != 1 else []
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    unsupported += sorted(changed - CONTAINER_FIELDS.keys())
    if original.get("serviceAccountName") != patched.get("serviceAccountName"):
        unsupported.append("serviceAccountName")
    if unsupported:
        raise PipelineError(
            f"deploy/patches.py: ZenML has no field for this part of the pod of {stage}: "
            f"{', '.join(unsupported)}"
        )
    return after


def _to_snake_case(name: str) -> str:
    return re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", name)
