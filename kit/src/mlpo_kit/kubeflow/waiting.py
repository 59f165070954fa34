"""Find out why the pods of a TrainJob do not start, as far as the task's permissions allow."""

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
PULL_SECONDS = 300.0  # a registry may be down for a while


class PodWatch:
    """Watch why the pods do not start: log each new reason, raise if an image can't be pulled."""

    def __init__(self, namespace: str, job: str) -> None:
        self.reason = ""
        self._namespace, self._job, self._since = namespace, job, 0.0
        self._api = client.CoreV1Api()

    def look(self) -> None:
        """Check the pods once; raises PipelineError if an image could not be pulled for minutes."""
        try:
            image = _find_unpulled(pods := self._list_pods())
            reason = image or _find_unscheduled(pods) or ("" if pods else self._find_refusal())
        except (ApiException, HTTPError):  # the task can do without the reason
            return
        now = time.monotonic()
        if reason != self.reason:
            self.reason, self._since = reason, now
            if reason:
                log.warning("the pods of the TrainJob wait: %s", reason)
        elif image and now > self._since + PULL_SECONDS:
            raise PipelineError(f"the pods of the TrainJob do not start: {reason}")

    def _list_pods(self) -> list[Any]:
        pods = self._api.list_namespaced_pod(
            self._namespace, label_selector=f"{JOB_LABEL}={self._job}", _request_timeout=30
        )
        return list(pods.items)

    def _find_refusal(self) -> str:
        """Find why there are no pods, such as a quota or a policy of the namespace."""
        events = self._api.list_namespaced_event(
            self._namespace, field_selector="reason=FailedCreate", _request_timeout=30
        )
        for event in events.items:
            if str(event.involved_object.name).startswith(f"{self._job}-"):
                return f"the namespace {self._namespace} refuses them: {event.message}"
        return ""


def _find_unpulled(pods: list[Any]) -> str:
    """Return a sentence about an image that can't be pulled; empty if there is none."""
    for pod in pods:
        for container in pod.status.container_statuses or []:
            waiting = container.state and container.state.waiting
            if waiting and waiting.reason in UNPULLED:
                return (
                    f"the image {container.image} can't be pulled: is it in its registry "
                    "(`make push`), and do pull_secrets in deploy/cluster.yaml name its key?"
                )
    return ""


def _find_unscheduled(pods: list[Any]) -> str:
    """Return a sentence about a pod that can't be scheduled; empty if there is none."""
    for pod in pods:
        for condition in pod.status.conditions or []:
            if condition.type == "PodScheduled" and condition.status == "False":
                return f"no node has room for them: {condition.message}"
    return ""
