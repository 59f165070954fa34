"""Kubernetes' API as the configuration of kubectl names it, quick to give up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import Any

from yaml import YAMLError

from mlpo_kit.errors import PipelineError, find_root_cause

SECONDS = 5  # to wait for an answer
UNKNOWN = object()  # what this user may not know


class KubernetesApi:
    """Answers what is there; raises PipelineError where nobody answers, or not to this user."""

    def __init__(self) -> None:
        """Read the configuration; raises PipelineError where there is none."""
        config = import_module("kubernetes.config")
        self._client = import_module("kubernetes.client")
        made = self._client.Configuration()
        try:
            file = os.environ.get("KUBECONFIG") or None
            config.load_kube_config(config_file=file, client_configuration=made)
        except (config.ConfigException, YAMLError, OSError) as error:
            try:  # in a pod
                config.load_incluster_config(client_configuration=made)
            except config.ConfigException:
                raise PipelineError(
                    f"the configuration of kubectl can't be used: {find_root_cause(error)}. Does "
                    "`kubectl get pods` answer here (KUBECONFIG)?"
                ) from None
        made.retries = False
        self.host = made.host
        self._connection = self._client.ApiClient(made)
        self._core = self._client.CoreV1Api(self._connection)

    def get(self, method: str, *arguments: str, **options: str) -> Any:
        """What a method of the core API returns; None for what is not there, or UNKNOWN."""
        return self._call(partial(getattr(self._core, method), *arguments, **options))

    def may_create(self, group: str, resource: str, namespace: str) -> bool:
        """Whether this user may create such objects."""
        asked = {"group": group, "resource": resource, "namespace": namespace, "verb": "create"}
        client = self._client.AuthorizationV1Api(self._connection)
        review = {"spec": {"resourceAttributes": asked}}
        found = self._call(partial(client.create_self_subject_access_review, review))
        return found in (None, UNKNOWN) or bool(found["status"]["allowed"])

    def _call(self, method: Callable[..., Any]) -> Any:
        """The document: whatever fields it has; the client's classes know those of one release."""
        try:
            return json.loads(method(_request_timeout=SECONDS, _preload_content=False).data)
        except self._client.ApiException as error:
            if error.status == 404:
                return None
            if error.status == 403:
                return UNKNOWN
            if error.status == 401:
                raise PipelineError(
                    f"Kubernetes at {self.host} does not know you, or no longer: log in again, as "
                    "for kubectl"
                ) from None
            raise PipelineError(
                f"Kubernetes at {self.host} answers {error.status} {error.reason}"
            ) from None
        except import_module("urllib3.exceptions").HTTPError as error:
            raise PipelineError(
                f"Kubernetes at {self.host} can't be reached: {find_root_cause(error)}"
            ) from None


def parse_amount(text: Any) -> Decimal | None:
    """Parse a quantity of Kubernetes, such as 500m or 4Gi; None where it is none."""
    try:
        amount: Decimal = import_module("kubernetes.utils").parse_quantity(text)
    except ValueError:
        return None
    return amount
