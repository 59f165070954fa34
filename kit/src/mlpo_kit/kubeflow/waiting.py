"""Why the pods of a TrainJob do not start, as far as their task may ask."""

from __future__ import annotations

import logging
import time
from typing import Any

from kubernetes import client
from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from mlpo_kit.errors import PipelineError

log = logging.getLogger(__name__)

JOB_LABEL = "jobset.sigs.k8s.io/jobset-name"  # the label of the pods; Trainer makes a JobSet
UNPULLED = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
PULL_SECONDS = 300.0  # a registry may be away for a while


class PodWatch:
    """Watches why the pods do not start: logs it when it changes, raises where it stays."""

    def __init__(self, namespace: str, job: str) -> None:
        self.reason = ""
        self._namespace, self._job, self._since = namespace, job, 0.0
        self._api = client.CoreV1Api()

    def look(self) -> None:
        """Ask the cluster once. Raises PipelineError where an image is not pulled for minutes."""
        try:
            image = _find_unpulled(pods := self._list_pods())
            reason = image or _find_unscheduled(pods) or ("" if pods else self._find_refusal())
        except (ApiException, HTTPError):  # it is not the task's work to know
            return
        now = time.monotonic()
        if reason != self.reason:
            self.reason, self._since = reason, now
            if reason:
                log.warning("the pods of the TrainJob wait: %s", reason)
        elif image and now > self._since + PULL_SECONDS:
            raise PipelineError(f"the pods of the TrainJob do not start: {reason}")

    def _list_pods(self) -> list[Any]:
        found = self._api.list_namespaced_pod(
            self._namespace, label_selector=f"{JOB_LABEL}={self._job}", _request_timeout=30
        )
        return list(found.items)

    def _find_refusal(self) -> str:
        """Find why there are no pods: a quota of the namespace, or one of its rules."""
        found = self._api.list_namespaced_event(
            self._namespace, field_selector="reason=FailedCreate", _request_timeout=30
        )
        for event in found.items:
            if str(event.involved_object.name).startswith(f"{self._job}-"):
                return f"the namespace {self._namespace} does not take them: {event.message}"
        return ""


def _find_unpulled(pods: list[Any]) -> str:
    """Find the image that one of them can't have."""
    for pod in pods:
        for container in pod.status.container_statuses or []:
            waits = container.state and container.state.waiting
            if waits and waits.reason in UNPULLED:
                return (
                    f"the image {container.image} can't be pulled: is it in its registry "
                    "(`make push`), and do pull_secrets in deploy/cluster.yaml name its key?"
                )
    return ""


def _find_unscheduled(pods: list[Any]) -> str:
    """Find why no node has room for one of them."""
    for pod in pods:
        for condition in pod.status.conditions or []:
            if condition.type == "PodScheduled" and condition.status == "False":
                return f"no node takes them: {condition.message}"
    return ""
