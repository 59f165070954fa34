"""Metaflow's part of deploy/cluster.yaml, and the environment variables that follow from it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from mlpo_kit.caching.key import find_kit_version
from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.image import VERSION_VARIABLE
from mlpo_kit.config.sections import section
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError

Role = Annotated[str, Field(pattern="^arn:[^:]+:iam::.+$")]


@section
class BatchDescription:
    """The queues and roles of AWS Batch and Step Functions."""

    job_queue: str
    gpu_queue: str | None = None  # for tasks with a GPU
    job_role: Role  # for the tasks
    step_functions_role: Role
    execution_role: Role | None = None  # on Fargate
    events_role: Role | None = None  # for the schedule
    table: str | None = None  # in DynamoDB, for a sweep


@section
class MetaflowDescription:
    """The settings in deploy/cluster.yaml that only Metaflow needs."""

    datastore: Annotated[str, Field(pattern="^s3://.+$")]
    metadata_url: Annotated[str, Field(pattern="^https?://.+$")] | None = None
    disk_mb: PositiveInt = 10240  # per pod
    schedule: str | None = None  # for the workflow
    batch: BatchDescription | None = None


@section
class MetaflowCluster(Cluster):
    """The cluster with Metaflow's settings."""

    metaflow: MetaflowDescription

    @property
    def task_environment(self) -> dict[str, str]:
        """Return the environment variables of a task; Metaflow adds its own."""
        return {
            **super().environment,
            # The image has everything that a task needs, and installing there is not permitted.
            "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
            VERSION_VARIABLE: find_kit_version(),
        }

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables of pods outside a flow, such as the prune job."""
        variables = {
            "METAFLOW_DEFAULT_DATASTORE": "s3",
            "METAFLOW_DATASTORE_SYSROOT_S3": self.metaflow.datastore,
        }
        if self.metaflow.metadata_url:
            variables["METAFLOW_DEFAULT_METADATA"] = "service"
            variables["METAFLOW_SERVICE_URL"] = self.metaflow.metadata_url
        return {**super().environment, **variables}


def read_metaflow_cluster(settings: BaseSettings) -> MetaflowCluster:
    """Read deploy/cluster.yaml; raises PipelineError if it does not fit the profile."""
    cluster = read_cluster(MetaflowCluster, settings)
    if problems := find_problems(cluster, settings):
        lines = ["deploy/cluster.yaml does not fit this profile:", *problems]
        raise PipelineError("\n  ".join(lines))
    return cluster


def find_problems(cluster: MetaflowCluster, settings: BaseSettings) -> list[str]:
    """Find mistakes that Metaflow reports late or never."""
    metaflow = cluster.metaflow
    problems = [
        f"secrets.{secret}: Metaflow passes each key under the name that it has in the secret: "
        f"rename {key} to {variable} there"
        for secret, keys in cluster.secrets.items()
        for key, variable in keys.items()
        if key != variable
    ]
    if settings.compute == "batch":
        needs_gpu = any(resources.gpu for resources in settings.resources.values())
        batch, schedule = metaflow.batch, metaflow.schedule
        if batch is None:
            problems.append("metaflow.batch: add the queues, as the profile has compute: batch")
        elif needs_gpu and batch.gpu_queue is None:
            problems.append("metaflow.batch.gpu_queue: add it, as the profile asks for a GPU")
        if schedule and batch is not None and batch.events_role is None:
            problems.append("metaflow.batch.events_role: add it, as metaflow.schedule needs it")
        if schedule and len(schedule.split()) != 6:
            problems.append(
                f"metaflow.schedule: {schedule} does not have AWS's six fields, such as 0 3 * * ? *"
            )
        if not settings.is_remote:
            problems.append(
                "volume_claim: AWS Batch has no volume claims: set storage_root to a bucket, not "
                f"{settings.storage_root}"
            )
    return problems


def list_variables(cluster: MetaflowCluster) -> dict[str, str]:
    """List the variables to set before Metaflow is imported, on the machine that starts a run."""
    variables = {
        "METAFLOW_KUBERNETES_NAMESPACE": cluster.namespace,
        "METAFLOW_KUBERNETES_JOB_TTL_SECONDS_AFTER_FINISHED": str(cluster.ttl_seconds),
        # That container would be the only one of a workflow without a security context.
        "METAFLOW_ARGO_WORKFLOWS_CREATE_ENABLE_ERROR_MSG_CAPTURE": "false",
        # Argo 3.6 and later support `schedules`; Argo 4 supports nothing else.
        "METAFLOW_ARGO_WORKFLOWS_USE_SCHEDULES": "true",
    }
    if batch := cluster.metaflow.batch:
        variables["METAFLOW_SFN_IAM_ROLE"] = batch.step_functions_role
        variables["METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE"] = batch.events_role or ""
        variables["METAFLOW_SFN_DYNAMO_DB_TABLE"] = batch.table or ""
    merged = {**cluster.environment, **variables}
    return {name: value for name, value in merged.items() if name.startswith("METAFLOW_") and value}
