"""Place each step: the profile, not the flow, decides where it runs and for how long."""

from __future__ import annotations

import os
from typing import Any

from metaflow import FlowMutator, metaflow_config, plugins
from metaflow.exception import MetaflowException
from metaflow.user_decorators.mutable_flow import MutableFlow
from metaflow.user_decorators.mutable_step import MutableStep

from mlpo_kit.cluster.image import name_image
from mlpo_kit.cluster.pods import USER, make_queue_labels, make_tolerations
from mlpo_kit.config.sections import Resources, count_nodes
from mlpo_kit.config.settings import BaseSettings, check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.metaflow.description import BatchDescription, MetaflowCluster, read_metaflow_cluster
from mlpo_kit.metaflow.variants import NODES, TRIAL_STEP, VARIANT, WORKER_STEP
from mlpo_kit.runs.pipeline import load_pipeline

TASK_VARIABLES = ("METAFLOW_KUBERNETES_WORKLOAD", "AWS_BATCH_JOB_ID")  # set only in a task
# As in the kit's other pods, but with a writable root: Metaflow unpacks the code there.
SECURITY_CONTEXT = {
    "run_as_non_root": True,
    "run_as_user": USER,
    "run_as_group": USER,
    "allow_privilege_escalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccomp_profile": {"type": "RuntimeDefault"},
}

Decorators = dict[str, dict[str, Any]]  # a step's decorators: name and attributes


class placement(FlowMutator):  # type: ignore[misc]
    """Run each step where the profile's `compute` says, with the `resources` of the profile.

    Kubernetes and AWS Batch enforce the resources; on this machine Metaflow ignores them. A step's
    own decorators override the profile.
    """

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        """Decorate the steps.

        Raises MetaflowException if profile, flow and deploy/cluster.yaml do not fit together.
        """
        try:
            settings = check_settings(dict(mutable_flow.configs)["config"].to_dict())
            steps = dict(mutable_flow.steps)
            training = load_pipeline().training_stage
            resources = _find_resources(settings, set(steps), training)
            # A running task is placed already, and has no deploy/cluster.yaml.
            is_placed = settings.compute == "local" or any(map(os.environ.get, TASK_VARIABLES))
            cluster = None if is_placed else read_metaflow_cluster(settings)
        except PipelineError as error:
            raise MetaflowException(str(error)) from None
        if cluster is not None:
            _check_datastore(cluster)
            if cluster.metaflow.schedule:
                cron = {"cron": cluster.metaflow.schedule}
                mutable_flow.add_decorator("schedule", deco_kwargs=cron)
        training_steps = {TRIAL_STEP, WORKER_STEP} & set(steps) or {training}
        for name, step in steps.items():
            requested = resources.get(name)
            decorators = _place(settings, cluster, requested)
            decorators |= _limit(settings, requested, is_training=name in training_steps)
            for decorator, attributes in decorators.items():
                _decorate(step, decorator, attributes)


def _find_resources(settings: BaseSettings, steps: set[str], training: str) -> dict[str, Resources]:
    """Find the resources that the profile requests, by step."""
    resources = dict(settings.resources)
    if unknown := sorted(set(resources) - steps):
        raise PipelineError(f"resources.{unknown[0]}: there is no such step")
    for worker in (TRIAL_STEP, WORKER_STEP):
        if worker in steps and (requested := resources.pop(training, None)):
            resources[worker] = requested  # the training step itself only starts them
    nodes = count_nodes(settings, training)
    if nodes > 1 and WORKER_STEP not in steps:
        raise PipelineError(
            f"{training}.nodes is {nodes}, but this flow trains on one machine: start it with "
            f"`make run`, or set {VARIANT}={NODES}"
        )
    return resources


def _check_datastore(cluster: MetaflowCluster) -> None:
    """Raise MetaflowException if Metaflow was imported without an S3 datastore for the tasks."""
    if metaflow_config.DATASTORE_SYSROOT_S3 is None:
        raise MetaflowException(
            "Metaflow would store the run on this machine. Start it with `make`, or set "
            "METAFLOW_DEFAULT_DATASTORE=s3 and "
            f"METAFLOW_DATASTORE_SYSROOT_S3={cluster.metaflow.datastore}"
        )


def _limit(settings: BaseSettings, requested: Resources | None, is_training: bool) -> Decorators:
    """Limit a step's time and set its retries.

    By default only training is retried, once, as it continues from its checkpoint; other stages
    would fail again. Without a time-out of its own, a step gets `retention.max_run_hours`: after
    that time retention takes a run for dead and deletes its files.
    """
    hours = requested.timeout_hours if requested is not None else None
    retries = requested.retries if requested is not None else None
    times = retries if retries is not None else int(is_training)
    decorators: Decorators = {
        "timeout": {"seconds": int((hours or settings.retention.max_run_hours) * 3600)}
    }
    if times:
        decorators["retry"] = {"times": times, "minutes_between_retries": 0}
    return decorators


def _place(
    settings: BaseSettings, cluster: MetaflowCluster | None, requested: Resources | None
) -> Decorators:
    """Choose where a step runs, with which resources."""
    if settings.compute == "local":
        return {"resources": _list_amounts(requested)} if requested else {}
    if cluster is None:
        return {settings.compute: {}}
    requested = requested or Resources()
    batch = cluster.metaflow.batch
    if settings.compute == "batch" and batch is not None:
        task = _describe_job(cluster, batch, requested)
    else:
        task = _describe_pod(cluster, settings, requested)
    # By default torch starts a thread for each core of the machine.
    variables = {"OMP_NUM_THREADS": str(requested.cpu), **cluster.task_environment}
    if variant := os.environ.get(VARIANT):
        variables[VARIANT] = variant  # a task starts the same file
    return {
        "environment": {"vars": variables},
        settings.compute: {"image": name_image(cluster), **task},
    }


def _list_amounts(requested: Resources) -> dict[str, int]:
    return {"cpu": requested.cpu, "memory": requested.memory_mb, "gpu": requested.gpu}


def _describe_pod(
    cluster: MetaflowCluster, settings: BaseSettings, requested: Resources
) -> dict[str, Any]:
    """Return the attributes of `@kubernetes` for a step's pod."""
    pod: dict[str, Any] = {
        "cpu": requested.cpu,
        "memory": requested.memory_mb,
        "disk": cluster.metaflow.disk_mb,
        "qos": "Guaranteed",  # the request is also the limit
        "namespace": cluster.namespace,
        "service_account": cluster.service_account,
        "secrets": list(cluster.secrets),
        "image_pull_secrets": cluster.pull_secrets,
        "security_context": SECURITY_CONTEXT,
        "labels": make_queue_labels(cluster),
        # 64 MB is a container's default. Without a value, Metaflow adds a volume but no mount.
        "shared_memory": cluster.shared_memory_mb if requested.gpu else 64,
    }
    if not settings.is_remote:
        pod["persistent_volume_claims"] = {cluster.volume_claim: settings.storage_root}
    if requested.gpu:
        pod["extended_resources"] = {cluster.gpu_type: str(requested.gpu)}
        pod["tolerations"] = make_tolerations(cluster)
        if cluster.node_selector:  # Metaflow 2.19 can't parse an empty selector
            pod["node_selector"] = cluster.node_selector
    return pod


def _describe_job(
    cluster: MetaflowCluster, batch: BatchDescription, requested: Resources
) -> dict[str, Any]:
    """Return the attributes of `@batch` for a step's job."""
    job: dict[str, Any] = {
        **_list_amounts(requested),
        "queue": batch.gpu_queue if requested.gpu else batch.job_queue,
        "iam_role": batch.job_role,
        "execution_role": batch.execution_role,
    }
    if requested.gpu:
        job["shared_memory"] = cluster.shared_memory_mb
    return job


def _decorate(step: MutableStep, name: str, attributes: dict[str, Any]) -> None:
    """Add a decorator; the step's own decorator of that name overrides its attributes."""
    for _, _, _, own in step.get_decorator_specs(name):
        if name in ("retry", "timeout"):
            return  # the attributes of both would add up
        changed = {key: value for key, value in own.items() if value != _find_default(name, key)}
        if name == "environment":
            changed = {"vars": {**attributes["vars"], **changed.get("vars", {})}}
        attributes = {**attributes, **changed}
    step.add_decorator(name, deco_kwargs=attributes, duplicates=step.OVERRIDE)


def _find_default(decorator: str, attribute: str) -> Any:
    (kind,) = (kind for kind in plugins.STEP_DECORATORS if kind.name == decorator)
    return kind.defaults.get(attribute)
