"""The cluster as Metaflow needs it: its part of deploy/cluster.yaml, and its own variables."""

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
    """The queues of AWS Batch, and who may do what there."""

    job_queue: str
    gpu_queue: str | None = None  # of the tasks with a GPU
    job_role: Role  # of the tasks
    step_functions_role: Role
    execution_role: Role | None = None  # on Fargate
    events_role: Role | None = None  # of the schedule
    table: str | None = None  # in DynamoDB: a sweep's


@section
class MetaflowDescription:
    """What only Metaflow needs to know."""

    datastore: Annotated[str, Field(pattern="^s3://.+$")]
    metadata_url: Annotated[str, Field(pattern="^https?://.+$")] | None = None
    disk_mb: PositiveInt = 10240  # of a pod
    schedule: str | None = None  # of the workflow
    batch: BatchDescription | None = None


@section
class MetaflowCluster(Cluster):
    """The cluster, with Metaflow's part."""

    metaflow: MetaflowDescription

    @property
    def task_environment(self) -> dict[str, str]:
        """The variables of a task; Metaflow adds its own."""
        return {
            **super().environment,
            # The image has all that a task needs, and nobody may install anything there.
            "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
            VERSION_VARIABLE: find_kit_version(),
        }

    @property
    def environment(self) -> dict[str, str]:
        """The variables of what Metaflow does not start, and prunes what it left."""
        own = {
            "METAFLOW_DEFAULT_DATASTORE": "s3",
            "METAFLOW_DATASTORE_SYSROOT_S3": self.metaflow.datastore,
        }
        if self.metaflow.metadata_url:
            own["METAFLOW_DEFAULT_METADATA"] = "service"
            own["METAFLOW_SERVICE_URL"] = self.metaflow.metadata_url
        return {**super().environment, **own}


def read_metaflow_cluster(settings: BaseSettings) -> MetaflowCluster:
    """Read the cluster for a profile; raises PipelineError where the two don't fit."""
    cluster = read_cluster(MetaflowCluster, settings)
    if found := find_problems(cluster, settings):
        raise PipelineError("\n  ".join(["deploy/cluster.yaml does not fit this profile:", *found]))
    return cluster


def find_problems(cluster: MetaflowCluster, settings: BaseSettings) -> list[str]:
    """Find what Metaflow would find out late, or never."""
    own = cluster.metaflow
    found = [
        f"secrets.{secret}: Metaflow hands over a key under its own name: call it {variable} "
        f"in the secret, not {key}"
        for secret, keys in cluster.secrets.items()
        for key, variable in keys.items()
        if key != variable
    ]
    if settings.compute == "batch":
        asks = any(asked.gpu for asked in settings.resources.values())
        if own.batch is None:
            found.append("metaflow.batch: name the queues, the profile says compute: batch")
        elif asks and own.batch.gpu_queue is None:
            found.append("metaflow.batch.gpu_queue: name it, the profile asks for a GPU")
        if own.schedule and own.batch is not None and own.batch.events_role is None:
            found.append("metaflow.batch.events_role: name it, metaflow.schedule needs it")
        if own.schedule and len(own.schedule.split()) != 6:
            found.append(f"metaflow.schedule: {own.schedule} has not AWS's six fields: 0 3 * * ? *")
        if not settings.is_remote:
            found.append(f"volume_claim: AWS Batch has none; {settings.storage_root} is no bucket")
    return found


def list_variables(cluster: MetaflowCluster) -> dict[str, str]:
    """List what Metaflow must find before it is imported, on the machine that starts a run."""
    own = {
        "METAFLOW_KUBERNETES_NAMESPACE": cluster.namespace,
        "METAFLOW_KUBERNETES_JOB_TTL_SECONDS_AFTER_FINISHED": str(cluster.ttl_seconds),
        # Its container would be the only one of a workflow without a security context.
        "METAFLOW_ARGO_WORKFLOWS_CREATE_ENABLE_ERROR_MSG_CAPTURE": "false",
        # Argo 3.6 and later know `schedules`; Argo 4 knows nothing else.
        "METAFLOW_ARGO_WORKFLOWS_USE_SCHEDULES": "true",
    }
    if batch := cluster.metaflow.batch:
        own["METAFLOW_SFN_IAM_ROLE"] = batch.step_functions_role
        own["METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE"] = batch.events_role or ""
        own["METAFLOW_SFN_DYNAMO_DB_TABLE"] = batch.table or ""
    found = {**cluster.environment, **own}
    return {name: value for name, value in found.items() if name.startswith("METAFLOW_") and value}
