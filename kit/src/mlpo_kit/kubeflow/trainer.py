"""Train with a TrainJob: the training task creates it, waits for it and deletes it.

The task holds no GPU. It needs the permissions in the role that `make manifests` writes. The
machines get their work from the TrainJob, and write their results to the store.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kubernetes import client, config
from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from mlpo_kit.cluster.kubernetes_api import read_message
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow.trainjob import TEMPLATE, make_trainjob
from mlpo_kit.kubeflow.waiting import PodWatch
from mlpo_kit.runs.workspace import Workspace
from mlpo_kit.training.processes import (
    Inputs,
    OnEpoch,
    clear_earlier_try,
    describe_job,
    locate,
    read_failure,
    read_result,
)

log = logging.getLogger(__name__)

NAMESPACE, POD, POD_ID = "POD_NAMESPACE", "POD_NAME", "POD_UID"  # variables about this pod
KIND = ("trainer.kubeflow.org", "v1alpha1")
POLL_SECONDS = 5.0  # between two status requests
PATIENCE_SECONDS = 300.0  # without an answer from the cluster


def launch_trainjob(
    work: Workspace, fit: Callable[..., Any], inputs: Inputs, on_epoch: OnEpoch
) -> Any:
    """Train in a TrainJob and return the stage's result.

    Raises PipelineError if the TrainJob can't be created, fails or takes too long.
    """
    template = os.environ.get(TEMPLATE)
    if template is None:
        name = work.run.pipeline.training_stage
        raise PipelineError(
            f"{name}.nodes is more than 1, but this task was compiled for one machine: "
            f"set {name}.nodes in the profile, then `make submit`"
        )
    clear_earlier_try(work)
    owner = {"name": os.environ.get(POD, ""), "uid": os.environ.get(POD_ID, "")}
    job = describe_job(work, fit, inputs)
    if not all(owner.values()):
        owner = {}
    manifest = make_trainjob(json.loads(template), work.run.id, job, owner)
    namespace = os.environ.get(NAMESPACE, "default")
    with raise_on_termination(), create_trainjob(TrainJobs(namespace), manifest) as jobs:
        log.info("the TrainJob %s trains on %d machines", jobs.name, find_nodes(work))
        wait_for_end(jobs, work, on_epoch)
    return read_result(work)


def find_nodes(work: Workspace) -> int:
    """Return the number of machines that train."""
    nodes: int = getattr(work.run.settings, work.run.pipeline.training_stage).nodes
    return nodes


def find_limit(work: Workspace) -> float:
    """Return how long to wait, in seconds: a little less than the task's own time-out.

    The task's time-out would end the task without a reason.
    """
    requested = work.run.settings.resources.get(work.run.pipeline.training_stage)
    max_hours = work.run.settings.retention.max_run_hours
    hours: float = (requested and requested.timeout_hours) or max_hours
    return max(hours * 3600 - 1800, hours * 1800)


class TrainJobs:
    """The TrainJobs of a namespace in the Kubernetes API; `name` is the one that may exist."""

    def __init__(self, namespace: str) -> None:
        try:
            config.load_incluster_config()
        except config.ConfigException as error:
            raise PipelineError(f"a TrainJob needs a cluster, but there is none: {error}") from None
        self.namespace, self.name = namespace, ""
        self._api = client.CustomObjectsApi()

    def create(self, job: Manifest) -> None:
        """Create a TrainJob; an unknown field is an error instead of being dropped silently."""
        self.name = job["metadata"]["name"]
        arguments = (*KIND, self.namespace, "trainjobs", job)
        options = {"field_validation": "Strict", "_request_timeout": 30}
        try:
            self._api.create_namespaced_custom_object(*arguments, **options)
        except ApiException as error:
            if error.status < 500 and error.status != 409:
                self.name = ""  # refused, so there is none
            raise

    def get(self) -> Manifest:
        """Read the TrainJob's current state."""
        job: Manifest = self._api.get_namespaced_custom_object(*self._path, _request_timeout=30)
        return job

    def delete(self) -> None:
        """Delete the TrainJob; a missing one is no error."""
        try:
            self._api.delete_namespaced_custom_object(*self._path, _request_timeout=30)
        except ApiException as error:
            if error.status != 404:
                raise

    @property
    def _path(self) -> tuple[str, ...]:
        return (*KIND, self.namespace, "trainjobs", self.name)


@contextmanager
def create_trainjob(jobs: TrainJobs, job: Manifest) -> Iterator[TrainJobs]:
    """Create a TrainJob and delete it at the end of the block, also after an error."""
    try:
        try:
            with explain_errors("create", jobs.namespace):
                create_anew(jobs, job)
        except NoAnswerError as error:
            raise PipelineError(str(error)) from None
        yield jobs
    finally:
        try:
            if jobs.name:
                jobs.delete()
        except (ApiException, HTTPError) as error:
            reason = getattr(error, "reason", error)
            log.warning("can't delete the TrainJob %s, delete it yourself: %s", jobs.name, reason)


def create_anew(jobs: TrainJobs, job: Manifest) -> None:
    """Create a TrainJob, replacing one that an earlier try of this task left behind."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return jobs.create(job)
        except ApiException as error:
            if error.status != 409 or time.monotonic() > end:
                raise
        jobs.delete()
        time.sleep(POLL_SECONDS)


def wait_for_end(jobs: TrainJobs, work: Workspace, on_epoch: OnEpoch) -> None:
    """Wait for the TrainJob; raises PipelineError if it fails, is deleted or takes too long."""
    began = answered = time.monotonic()
    limit, reported, watch = find_limit(work), 0, PodWatch(jobs.namespace, jobs.name)
    while time.monotonic() < began + limit:
        reported = report_epochs(work, on_epoch, reported)
        try:
            with explain_errors("look at", jobs.namespace, jobs.name):
                status = jobs.get().get("status") or {}
            answered = time.monotonic()
        except NoAnswerError as error:
            if time.monotonic() > answered + PATIENCE_SECONDS:
                raise PipelineError(str(error)) from None
            status = {}
        conditions = {c["type"]: c for c in status.get("conditions") or [] if c["status"] == "True"}
        if "Complete" in conditions:
            report_epochs(work, on_epoch, reported)
            return
        failed, reason = conditions.get("Failed"), read_failure(work)
        # Kubernetes restarts failed pods a few times, but they would fail for the same reason.
        if failed or reason:
            condition = failed and f"{failed.get('reason')}: {failed.get('message')}"
            raise PipelineError(f"the TrainJob failed: {reason or condition}")
        if not reported:
            watch.look()
        time.sleep(POLL_SECONDS)
    late = f"not done after {limit / 3600:.1f} hours"
    hint = f"do {find_nodes(work)} machines have room for its pods?"
    raise PipelineError(f"the TrainJob was {late}: {watch.reason or hint}")


def report_epochs(work: Workspace, on_epoch: OnEpoch, reported: int) -> int:
    """Report the epochs after the first `reported` ones; return the new total."""
    try:
        epochs = work.store.read_json(locate(work, "epochs.json"))
    except FileNotFoundError:
        return reported
    for epoch in epochs[reported:]:
        log_epoch(epoch)
        on_epoch(epoch)
    return len(epochs)


class NoAnswerError(Exception):
    """The cluster's API did not answer, or failed with a temporary error."""


@contextmanager
def explain_errors(verb: str, namespace: str, name: str = "") -> Iterator[None]:
    """Turn an API error into PipelineError, or into NoAnswerError if a later try may succeed."""
    try:
        yield
    except HTTPError as error:
        raise NoAnswerError(f"the cluster's API does not answer: {error}") from None
    except ApiException as error:
        if error.status == 429 or error.status >= 500:
            raise NoAnswerError(f"the cluster's API fails with {error.status}") from None
        raise PipelineError(explain_answer(error, verb, namespace, name)) from None


def explain_answer(error: ApiException, verb: str, namespace: str, name: str) -> str:
    """Explain an API error, and say what to do."""
    message = read_message(error)
    if error.status == 403 and "exceeded quota" in message:
        return (
            f"the quota of the namespace {namespace} leaves no room for a TrainJob: {message}. "
            "Delete finished pods and jobs there, or ask for a larger quota"
        )
    if error.status in (401, 403):
        return (
            f"this task may not {verb} TrainJobs in the namespace {namespace}: give its service "
            "account the role in build/manifests/rbac.yaml, which `make manifests` writes"
        )
    if error.status == 404 and name:
        return f"the TrainJob {name} was deleted while it trained"
    if error.status == 404:
        return (
            "this cluster has no TrainJobs (trainer.kubeflow.org/v1alpha1): install Kubeflow "
            "Trainer 2.2 or newer, or set train.nodes: 1"
        )
    return f"the cluster did not {verb} the TrainJob: {error.status} {message}"


@contextmanager
def raise_on_termination() -> Iterator[None]:
    """Raise PipelineError on SIGTERM, so that the TrainJob is deleted as after an error."""

    def end(*_: object) -> None:
        raise PipelineError("the task was terminated")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def log_epoch(epoch: dict[str, Any]) -> None:
    """Log an epoch and its validation scores."""
    scores = {n: v for n, v in epoch.items() if n.startswith("val_") and n != "val_loss"}
    listed = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in scores.items())
    log.info("epoch %d: %s", epoch["epoch"], listed or f"val loss {epoch['val_loss']:.4f}")
