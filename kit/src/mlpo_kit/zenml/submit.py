"""Run the pipeline on Kubernetes through ZenML, and wait for its end."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlpo_kit.cluster import pods
from mlpo_kit.cluster.preflight import QUESTIONS
from mlpo_kit.errors import PipelineError, find_root_cause
from mlpo_kit.zenml import server
from mlpo_kit.zenml.cluster import ZenmlCluster, describe_stack, find_cluster
from mlpo_kit.zenml.launch import Request, make_request, prepare_start, run_request
from mlpo_kit.zenml.obstacles import find_all_obstacles, find_context

if TYPE_CHECKING:
    from zenml.client import Client

HELP = "run the pipeline on the cluster that deploy/cluster.yaml describes; --sweep runs the sweep"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --set, --no-cache, --skip and --sweep."""
    parser.add_argument("--profile", default="cluster", help="a profile in configs/, or a path")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE")
    parser.add_argument(
        "--no-cache", action="store_true", help="run every stage, without reusing results"
    )
    parser.add_argument("--skip", action="append", default=[], choices=QUESTIONS)
    parser.add_argument("--sweep", nargs="?", const="sweep", metavar="FILE")


def run(chosen: argparse.Namespace) -> int:
    """Start the run and wait for its end."""
    request = make_request(
        chosen.profile,
        chosen.set,
        use_cache=not chosen.no_cache,
        sweep=chosen.sweep,
        skip=chosen.skip,
    )
    run_request(request)
    return 0


def run_on_cluster(request: Request) -> None:
    """Run on the cluster and wait; raises PipelineError if the run can't start or fails.

    If this process is stopped, the run continues on the cluster.
    """
    settings = request.settings
    cluster = find_cluster(settings)
    with server.connect(settings) as client:
        from mlpo_kit.zenml.stacks import activate_stack

        start = prepare_start(request, cluster)
        if obstacles := find_all_obstacles(settings, cluster, request.skip):
            raise PipelineError("\n  - ".join(["nothing could run there:", *obstacles]))
        name = pods.make_object_name(settings.project)
        parts = describe_stack(cluster, find_context(), describe_artifact_store(cluster))
        change = activate_stack(name, parts)
        print(f"the stack {name} of ZenML's server: {change}", flush=True)
        print(f"the run {request.name} starts in the namespace {cluster.namespace}", flush=True)
        try:
            start()
        except Exception as error:
            mark_dead_run(client, request.name)
            reason = find_root_cause(error)
            raise PipelineError(f"the run {request.name} has failed: {reason}") from error
        check_outcome(client, request.name)


def describe_artifact_store(cluster: ZenmlCluster) -> dict[str, Any]:
    """Return ZenML's artifact store; its keys are environment variables, here and in the pods."""
    return {"flavor": "s3", "configuration": {"path": cluster.zenml.artifact_store}}


def mark_dead_run(client: Client, name: str) -> None:
    """Mark a run without a job as failed and delete its token; do nothing if it has a job.

    If an image can't be pulled, ZenML deletes the run's job, but leaves its status and its token.
    """
    from kubernetes.client import ApiException, BatchV1Api, CoreV1Api
    from urllib3.exceptions import HTTPError
    from zenml.enums import ExecutionStatus
    from zenml.models import PipelineRunUpdate

    orchestrator: Any = client.active_stack.orchestrator
    with suppress(KeyError, ApiException, HTTPError):  # no such run, or the cluster is unreachable
        run = client.get_pipeline_run(name, allow_name_prefix_match=False)
        kubernetes, space = orchestrator.get_kube_client(), orchestrator.config.kubernetes_namespace
        jobs = BatchV1Api(kubernetes).list_namespaced_job(space, label_selector=f"run_id={run.id}")
        if run.status.is_finished or jobs.items:
            return
        client.zen_store.update_run(run.id, PipelineRunUpdate(status=ExecutionStatus.FAILED))
        if run.snapshot is not None:
            secret = orchestrator.get_token_secret_name(run.snapshot.id)
            CoreV1Api(kubernetes).delete_namespaced_secret(secret, space)


def check_outcome(client: Any, name: str) -> None:
    """Raise PipelineError with the reasons unless the run was successful."""
    run = client.get_pipeline_run(name, allow_name_prefix_match=False)
    if run.status.is_successful:
        return
    reasons = [f"the run {name} is {run.status.value}"]
    for step_name, step in run.steps.items():
        if step.status.value == "failed":
            info = step.exception_info
            reason = info.message if info else "its pod ended without a message"
            reasons.append(f"{step_name}: {reason}")
    raise PipelineError("\n  ".join(reasons))
