"""Where each step runs, and for how long, is decided by the profile and not in the flow."""

from __future__ import annotations

import os
from typing import Any

from metaflow import FlowMutator, metaflow_config, plugins
from metaflow.exception import MetaflowException
from metaflow.user_decorators.mutable_flow import MutableFlow
from metaflow.user_decorators.mutable_step import MutableStep

from mlpo_kit.cluster.image import name_image
from mlpo_kit.cluster.pods import USER, queue_labels, tolerations
from mlpo_kit.config.sections import Resources, count_nodes
from mlpo_kit.config.settings import BaseSettings, check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.metaflow.description import BatchDescription, MetaflowCluster, read_metaflow_cluster
from mlpo_kit.metaflow.variants import NODES, TRIAL_STEP, VARIANT, WORKER_STEP
from mlpo_kit.runs.pipeline import load_pipeline

IN_A_TASK = ("METAFLOW_KUBERNETES_WORKLOAD", "AWS_BATCH_JOB_ID")  # variables of one
SAFE = {  # as the pods of the cluster have it, but that Metaflow unpacks the code where it starts
    "run_as_non_root": True,
    "run_as_user": USER,
    "run_as_group": USER,
    "allow_privilege_escalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccomp_profile": {"type": "RuntimeDefault"},
}

Decorators = dict[str, dict[str, Any]]  # of a step, by name, with their attributes


class placement(FlowMutator):  # type: ignore[misc]
    """Let each step run where the profile's `compute` says, with what its `resources` ask for.

    On this machine Metaflow ignores the resources; Kubernetes and AWS Batch obey. What a step's own
    decorators say comes last.
    """

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        """Decorate the steps.

        Raises MetaflowException where profile, flow and deploy/cluster.yaml do not fit together.
        """
        try:
            settings = check_settings(dict(mutable_flow.configs)["config"].to_dict())
            steps = dict(mutable_flow.steps)
            training = load_pipeline().training_stage
            wanted = _find_resources(settings, set(steps), training)
            # A task is where it belongs, and there is no deploy/cluster.yaml.
            placed = settings.compute == "local" or any(map(os.environ.get, IN_A_TASK))
            cluster = None if placed else read_metaflow_cluster(settings)
        except PipelineError as error:
            raise MetaflowException(str(error)) from None
        if cluster is not None:
            _check_datastore(cluster)
            if cluster.metaflow.schedule:
                cron = {"cron": cluster.metaflow.schedule}
                mutable_flow.add_decorator("schedule", deco_kwargs=cron)
        working = {TRIAL_STEP, WORKER_STEP} & set(steps) or {training}
        for name, step in steps.items():
            asked = wanted.get(name)
            added = _place(settings, cluster, asked)
            added |= _limit(settings, asked, goes_on=name in working)
            for decorator, attributes in added.items():
                _decorate(step, decorator, attributes)


def _find_resources(settings: BaseSettings, steps: set[str], training: str) -> dict[str, Resources]:
    """What the profile asks for, by step."""
    wanted = dict(settings.resources)
    if unknown := sorted(set(wanted) - steps):
        raise PipelineError(f"resources.{unknown[0]}: there is no such step")
    for worker in (TRIAL_STEP, WORKER_STEP):
        if worker in steps and (asked := wanted.pop(training, None)):
            wanted[worker] = asked  # `train` itself only starts them
    nodes = count_nodes(settings, training)
    if nodes > 1 and WORKER_STEP not in steps:
        raise PipelineError(
            f"{training}.nodes is {nodes}, and this flow trains on one machine: start it with "
            f"`make run`, or set {VARIANT}={NODES}"
        )
    return wanted


def _check_datastore(cluster: MetaflowCluster) -> None:
    """Metaflow was imported already: was it told where to keep what the tasks hand over?"""
    if metaflow_config.DATASTORE_SYSROOT_S3 is None:
        raise MetaflowException(
            "Metaflow would keep the run on this machine. Start it with `make`, or set "
            "METAFLOW_DEFAULT_DATASTORE=s3 and "
            f"METAFLOW_DATASTORE_SYSROOT_S3={cluster.metaflow.datastore}"
        )


def _limit(settings: BaseSettings, asked: Resources | None, goes_on: bool) -> Decorators:
    """How long a step may take, and how often it is tried again.

    A training goes on from its checkpoint, so one more try is worth it; other stages would do the
    same again. Who takes longer than a run may take is dead, and loses its files.
    """
    hours = asked.timeout_hours if asked is not None else None
    retries = asked.retries if asked is not None else None
    times = retries if retries is not None else int(goes_on)
    found: Decorators = {
        "timeout": {"seconds": int((hours or settings.retention.max_run_hours) * 3600)}
    }
    if times:
        found["retry"] = {"times": times, "minutes_between_retries": 0}
    return found


def _place(
    settings: BaseSettings, cluster: MetaflowCluster | None, asked: Resources | None
) -> Decorators:
    """Where a step runs, with how much."""
    if settings.compute == "local":
        return {"resources": _list_amounts(asked)} if asked else {}
    if cluster is None:
        return {settings.compute: {}}
    asked = asked or Resources()
    batch = cluster.metaflow.batch
    if settings.compute == "batch" and batch is not None:
        place = _describe_job(cluster, batch, asked)
    else:
        place = _describe_pod(cluster, settings, asked)
    # Left alone, torch starts a thread for each core of the machine.
    variables = {"OMP_NUM_THREADS": str(asked.cpu), **cluster.task_environment}
    if variant := os.environ.get(VARIANT):
        variables[VARIANT] = variant  # a task starts the same file
    return {
        "environment": {"vars": variables},
        settings.compute: {"image": name_image(cluster), **place},
    }


def _list_amounts(asked: Resources) -> dict[str, int]:
    return {"cpu": asked.cpu, "memory": asked.memory_mb, "gpu": asked.gpu}


def _describe_pod(
    cluster: MetaflowCluster, settings: BaseSettings, asked: Resources
) -> dict[str, Any]:
    """What `@kubernetes` says of a pod."""
    pod: dict[str, Any] = {
        "cpu": asked.cpu,
        "memory": asked.memory_mb,
        "disk": cluster.metaflow.disk_mb,
        "qos": "Guaranteed",  # what is asked for is the limit, too
        "namespace": cluster.namespace,
        "service_account": cluster.service_account,
        "secrets": list(cluster.secrets),
        "image_pull_secrets": cluster.pull_secrets,
        "security_context": SAFE,
        "labels": queue_labels(cluster),
        # As much as a container has anyway: without, Metaflow adds a volume and mounts it nowhere.
        "shared_memory": cluster.shared_memory_mb if asked.gpu else 64,
    }
    if not settings.is_remote:
        pod["persistent_volume_claims"] = {cluster.volume_claim: settings.storage_root}
    if asked.gpu:
        pod["extended_resources"] = {cluster.gpu_type: str(asked.gpu)}
        pod["tolerations"] = tolerations(cluster)
        if cluster.node_selector:  # Metaflow 2.19 can't read an empty one again
            pod["node_selector"] = cluster.node_selector
    return pod


def _describe_job(
    cluster: MetaflowCluster, batch: BatchDescription, asked: Resources
) -> dict[str, Any]:
    """What `@batch` says of a job."""
    job: dict[str, Any] = {
        **_list_amounts(asked),
        "queue": batch.gpu_queue if asked.gpu else batch.job_queue,
        "iam_role": batch.job_role,
        "execution_role": batch.execution_role,
    }
    if asked.gpu:
        job["shared_memory"] = cluster.shared_memory_mb
    return job


def _decorate(step: MutableStep, name: str, attributes: dict[str, Any]) -> None:
    """Add a decorator, under what the step's own decorator of that name says."""
    for _, _, _, own in step.get_decorator_specs(name):
        if name in ("retry", "timeout"):
            return  # their attributes add up
        said = {key: value for key, value in own.items() if value != _find_default(name, key)}
        if name == "environment":
            said = {"vars": {**attributes["vars"], **said.get("vars", {})}}
        attributes = {**attributes, **said}
    step.add_decorator(name, deco_kwargs=attributes, duplicates=step.OVERRIDE)


def _find_default(decorator: str, attribute: str) -> Any:
    (kind,) = (kind for kind in plugins.STEP_DECORATORS if kind.name == decorator)
    return kind.defaults.get(attribute)
