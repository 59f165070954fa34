"""Let a TrainJob train, from within the task `train`: create it, wait for it, delete it.

The task holds no GPU. It needs the permissions that `make manifests` writes down. All that the
machines are told is in the TrainJob, and what came of it is in the store.
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

NAMESPACE, POD, POD_ID = "POD_NAMESPACE", "POD_NAME", "POD_UID"  # variables: which pod this is
KIND = ("trainer.kubeflow.org", "v1alpha1")
POLL_SECONDS = 5.0  # between two looks
PATIENCE_SECONDS = 300.0  # without an answer from the cluster


def launch_trainjob(
    work: Workspace, fit: Callable[..., Any], inputs: Inputs, on_epoch: OnEpoch
) -> Any:
    """Train in a TrainJob, and return the stage's result.

    Raises PipelineError where it can't be made, fails or takes too long.
    """
    template = os.environ.get(TEMPLATE)
    if template is None:
        name = work.run.pipeline.training_stage
        raise PipelineError(
            f"{name}.nodes is more than 1, and this task was compiled for one machine: "
            "`make submit` with the profile that says so"
        )
    clear_earlier_try(work)
    owner = {"name": os.environ.get(POD, ""), "uid": os.environ.get(POD_ID, "")}
    job = describe_job(work, fit, inputs)
    known_owner = owner if all(owner.values()) else {}
    made = make_trainjob(json.loads(template), work.run.id, job, known_owner)
    namespace = os.environ.get(NAMESPACE, "default")
    with raise_when_told_to_end(), create_trainjob(TrainJobs(namespace), made) as jobs:
        log.info("the TrainJob %s trains on %d machines", jobs.name, find_nodes(work))
        wait_for_end(jobs, work, on_epoch)
    return read_result(work)


def find_nodes(work: Workspace) -> int:
    """Find how many machines train."""
    nodes: int = getattr(work.run.settings, work.run.pipeline.training_stage).nodes
    return nodes


def find_limit(work: Workspace) -> float:
    """Find after how many seconds to give up: a little less than the task's own time-out.

    That one could not say why.
    """
    asked = work.run.settings.resources.get(work.run.pipeline.training_stage)
    hours: float = (asked and asked.timeout_hours) or work.run.settings.retention.max_run_hours
    return max(hours * 3600 - 1800, hours * 1800)


class TrainJobs:
    """The TrainJobs of a namespace, by the Kubernetes API; `name` is the one that may be there."""

    def __init__(self, namespace: str) -> None:
        try:
            config.load_incluster_config()
        except config.ConfigException as error:
            raise PipelineError(f"a TrainJob needs a cluster, and there is none: {error}") from None
        self.namespace, self.name = namespace, ""
        self._api = client.CustomObjectsApi()

    def create(self, job: Manifest) -> None:
        """Create it; an unknown field is an error, and not left out without a word."""
        self.name = job["metadata"]["name"]
        where = (*KIND, self.namespace, "trainjobs", job)
        strict = {"field_validation": "Strict", "_request_timeout": 30}
        try:
            self._api.create_namespaced_custom_object(*where, **strict)
        except ApiException as error:
            if error.status < 500 and error.status != 409:
                self.name = ""  # refused, so there is none
            raise

    def get(self) -> Manifest:
        """The TrainJob as it is now."""
        found: Manifest = self._api.get_namespaced_custom_object(*self._where, _request_timeout=30)
        return found

    def delete(self) -> None:
        """Delete it; one that is gone is no error."""
        try:
            self._api.delete_namespaced_custom_object(*self._where, _request_timeout=30)
        except ApiException as error:
            if error.status != 404:
                raise

    @property
    def _where(self) -> tuple[str, ...]:
        return (*KIND, self.namespace, "trainjobs", self.name)


@contextmanager
def create_trainjob(jobs: TrainJobs, job: Manifest) -> Iterator[TrainJobs]:
    """Create a TrainJob for the length of a block; whatever happens, it is deleted."""
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
            log.warning("the TrainJob %s is left, delete it by hand: %s", jobs.name, reason)


def create_anew(jobs: TrainJobs, job: Manifest) -> None:
    """Create a TrainJob, in place of one that an earlier try of this task left."""
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
    """Wait until it is done; raises PipelineError where it fails, is deleted or takes too long."""
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
        # Kubernetes starts pods that failed again, some times; what they say would not change.
        if failed or reason:
            words = failed and f"{failed.get('reason')}: {failed.get('message')}"
            raise PipelineError(f"the TrainJob failed: {reason or words}")
        if not reported:
            watch.look()
        time.sleep(POLL_SECONDS)
    late = f"not done after {limit / 3600:.1f} hours"
    wanted = f"did its pods start, with {find_nodes(work)} machines as free as they need?"
    raise PipelineError(f"the TrainJob was {late}: {watch.reason or wanted}")


def report_epochs(work: Workspace, on_epoch: OnEpoch, reported: int) -> int:
    """Tell of the epochs that ended since; returns how many were told of in all."""
    try:
        epochs = work.store.read_json(locate(work, "epochs.json"))
    except FileNotFoundError:
        return reported
    for epoch in epochs[reported:]:
        log_epoch(epoch)
        on_epoch(epoch)
    return len(epochs)


class NoAnswerError(Exception):
    """The cluster gave no answer, this time."""


@contextmanager
def explain_errors(verb: str, namespace: str, name: str = "") -> Iterator[None]:
    """Turn what the cluster answers into a sentence."""
    try:
        yield
    except HTTPError as error:
        raise NoAnswerError(f"the cluster's API does not answer: {error}") from None
    except ApiException as error:
        if error.status == 429 or error.status >= 500:
            raise NoAnswerError(f"the cluster's API fails with {error.status}") from None
        raise PipelineError(explain_answer(error, verb, namespace, name)) from None


def explain_answer(error: ApiException, verb: str, namespace: str, name: str) -> str:
    """Explain what an error of the API means here, and what to do."""
    words = read_message(error)
    if error.status == 403 and "exceeded quota" in words:
        return (
            f"the quota of the namespace {namespace} leaves no room for a TrainJob: {words}. "
            "Delete what is done with there, or ask for more"
        )
    if error.status in (401, 403):
        return (
            f"this task may not {verb} TrainJobs in the namespace {namespace}: give its service "
            "account what build/manifests/rbac.yaml says, which `make manifests` writes"
        )
    if error.status == 404 and name:
        return f"somebody deleted the TrainJob {name} while it trained"
    if error.status == 404:
        return (
            "this cluster knows no TrainJobs (trainer.kubeflow.org/v1alpha1): install Kubeflow "
            "Trainer 2.2 or newer, or set train.nodes: 1"
        )
    return f"the cluster does not {verb} the TrainJob: {error.status} {words}"


@contextmanager
def raise_when_told_to_end() -> Iterator[None]:
    """When the cluster ends this task, raise as after an error, so that nothing is left behind."""

    def end(*_: object) -> None:
        raise PipelineError("the task was told to end")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def log_epoch(epoch: dict[str, Any]) -> None:
    """Say how far the training is."""
    scores = {n: v for n, v in epoch.items() if n.startswith("val_") and n != "val_loss"}
    words = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in scores.items())
    log.info("epoch %d: %s", epoch["epoch"], words or f"val loss {epoch['val_loss']:.4f}")
