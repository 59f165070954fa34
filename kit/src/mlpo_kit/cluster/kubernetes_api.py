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
Document = dict[str, Any]


class KubernetesApi:
    """Answers what is there; raises PipelineError where nobody answers, or not to this user.

    Answers are documents, with whatever fields they have: the client's classes know those of one
    release only.
    """

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
                raise make_configuration_error(error) from None
        made.retries = False
        self.host = made.host
        self._connection = self._client.ApiClient(made)
        self._core = self._client.CoreV1Api(self._connection)

    def get(self, method: str, *arguments: str, **options: str) -> Any:
        """Call a method of the core API, such as `read_namespace`.

        Returns the document, None for what is not there, or UNKNOWN.
        """
        return self._call(partial(getattr(self._core, method), *arguments, **options))

    def may_create(self, group: str, resource: str, namespace: str) -> bool:
        """Whether this user may create such objects."""
        attributes = {
            "group": group,
            "resource": resource,
            "namespace": namespace,
            "verb": "create",
        }
        client = self._client.AuthorizationV1Api(self._connection)
        review = {"spec": {"resourceAttributes": attributes}}
        answer = self._call(partial(client.create_self_subject_access_review, review))
        return answer in (None, UNKNOWN) or bool(answer["status"]["allowed"])

    def find_refusal(self, document: Document, namespace: str) -> str | None:
        """Say why Kubernetes would not take an object, as `kubectl apply --dry-run=server` does.

        Nothing is made. Returns None where it would, or where this user may not try. `namespace` is
        that of an object that names none.
        """
        if "name" not in document["metadata"]:  # Kubernetes is to make one up
            return None
        version, kind = document["apiVersion"], document["kind"]
        resource = self._find_resource(version, kind)
        if resource is UNKNOWN:
            return None
        if resource is None:
            return f"{self.host} has no {kind} in {version}: install what brings it"
        path = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        if resource["namespaced"]:
            path += f"/namespaces/{document['metadata'].get('namespace', namespace)}"
        path += f"/{resource['name']}/{document['metadata']['name']}"
        query = {
            "dryRun": "All",
            "fieldManager": "mlpo",
            "fieldValidation": "Strict",
            "force": "true",  # of what kubectl has applied, too
        }
        try:
            self._send(self._make_request("PATCH", path, list(query.items()), document))
        except self._client.ApiException as error:
            message = read_message(error)
            may_not = error.status == 403 and " cannot " in message  # in the words of RBAC
            return None if may_not or "does not support dry run" in message else message
        return None

    def _find_resource(self, version: str, kind: str) -> Any:
        """How the API names the objects of a kind, such as `jobs`; None where it has none."""
        path = "/api/v1" if version == "v1" else f"/apis/{version}"
        answer = self._call(self._make_request("GET", path))
        if answer in (None, UNKNOWN):
            return answer
        whole = [one for one in answer["resources"] if "/" not in one["name"]]  # no jobs/status
        return next((one for one in whole if one["kind"] == kind), None)

    def _make_request(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]] | None = None,
        body: Document | None = None,
    ) -> Callable[..., Any]:
        """A request that the client has no method for."""
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/apply-patch+yaml"
        return partial(
            self._connection.call_api,
            path,
            method,
            query_params=query or [],
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
        )

    def _call(self, request: Callable[..., Any]) -> Any:
        """Return the document, None for what is not there, or UNKNOWN."""
        try:
            return self._send(request)
        except self._client.ApiException as error:
            if error.status == 404:
                return None
            if error.status == 403:
                return UNKNOWN
            raise PipelineError(
                f"Kubernetes at {self.host} answers {error.status} {error.reason}"
            ) from None

    def _send(self, request: Callable[..., Any]) -> Any:
        """Return the document; raises PipelineError where nobody answers, else ApiException."""
        try:
            return json.loads(request(_request_timeout=SECONDS, _preload_content=False).data)
        except self._client.ApiException as error:
            if error.status != 401:
                raise
            raise PipelineError(
                f"Kubernetes at {self.host} does not know you, or no longer: log in again, as "
                "for kubectl"
            ) from None
        except import_module("urllib3.exceptions").HTTPError as error:
            raise PipelineError(
                f"Kubernetes at {self.host} can't be reached: {find_root_cause(error)}"
            ) from None


def make_configuration_error(error: Exception) -> PipelineError:
    """Make the error to raise where the configuration of kubectl can't be used."""
    return PipelineError(
        f"the configuration of kubectl can't be used: {find_root_cause(error)}. Does "
        "`kubectl get pods` answer here (KUBECONFIG)?"
    )


def read_message(error: Any) -> str:
    """Read what an API of Kubernetes says to a request that it does not take, out of its error."""
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)


def parse_amount(text: Any) -> Decimal | None:
    """Parse a quantity of Kubernetes, such as 500m or 4Gi; None where it is none."""
    try:
        amount: Decimal = import_module("kubernetes.utils").parse_quantity(text)
    except ValueError:
        return None
    return amount
