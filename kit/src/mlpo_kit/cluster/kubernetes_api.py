"""A client of Kubernetes' API that uses kubectl's configuration and short timeouts."""

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
UNKNOWN = object()  # the answer if this user may not read an object
Document = dict[str, Any]


class KubernetesApi:
    """Reads objects; raises PipelineError if the API can't be reached or refuses the credentials.

    Answers are documents, because the client's classes know the fields of one release only.
    """

    def __init__(self) -> None:
        """Read kubectl's configuration; raises PipelineError if there is none."""
        config = import_module("kubernetes.config")
        self._client = import_module("kubernetes.client")
        configuration = self._client.Configuration()
        try:
            file = os.environ.get("KUBECONFIG") or None
            config.load_kube_config(config_file=file, client_configuration=configuration)
        except (config.ConfigException, YAMLError, OSError) as error:
            try:  # in a pod
                config.load_incluster_config(client_configuration=configuration)
            except config.ConfigException:
                raise make_configuration_error(error) from None
        configuration.retries = False
        self.host = configuration.host
        self._connection = self._client.ApiClient(configuration)
        self._core = self._client.CoreV1Api(self._connection)

    def get(self, method: str, *arguments: str, **options: str) -> Any:
        """Call a method of the core API, such as `read_namespace`.

        Returns the document, None if there is no such object, or UNKNOWN.
        """
        return self._call(partial(getattr(self._core, method), *arguments, **options))

    def may_create(self, group: str, resource: str, namespace: str) -> bool:
        """Whether this user may create such objects; true if the API does not say."""
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
        """Return why Kubernetes would refuse an object, by a dry run on the server.

        Nothing is created, as with `kubectl apply --dry-run=server`. Returns None if Kubernetes
        would accept the object, or this user may not try. `namespace` is used for an object without
        one.
        """
        if "name" not in document["metadata"]:  # Kubernetes generates a name
            return None
        version, kind = document["apiVersion"], document["kind"]
        resource = self._find_resource(version, kind)
        if resource is UNKNOWN:
            return None
        if resource is None:
            return f"{self.host} has no {kind} in {version}: install the extension that provides it"
        path = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        if resource["namespaced"]:
            path += f"/namespaces/{document['metadata'].get('namespace', namespace)}"
        path += f"/{resource['name']}/{document['metadata']['name']}"
        query = {
            "dryRun": "All",
            "fieldManager": "mlpo",
            "fieldValidation": "Strict",
            "force": "true",  # also for fields that kubectl has applied
        }
        try:
            self._send(self._make_request("PATCH", path, list(query.items()), document))
        except self._client.ApiException as error:
            message = read_message(error)
            is_forbidden = error.status == 403 and " cannot " in message  # a message of RBAC
            return None if is_forbidden or "does not support dry run" in message else message
        return None

    def _find_resource(self, version: str, kind: str) -> Any:
        """Find the API resource of a kind, such as `jobs`; None if the API has none, or UNKNOWN."""
        path = "/api/v1" if version == "v1" else f"/apis/{version}"
        answer = self._call(self._make_request("GET", path))
        if answer in (None, UNKNOWN):
            return answer
        resources = (
            resource
            for resource in answer["resources"]
            if "/" not in resource["name"]  # no subresources such as jobs/status
        )
        return next((resource for resource in resources if resource["kind"] == kind), None)

    def _make_request(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]] | None = None,
        body: Document | None = None,
    ) -> Callable[..., Any]:
        """Make a request for which the client has no method."""
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
        """Send a request; returns the document, None if there is no such object, or UNKNOWN."""
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
        """Send a request; returns the document.

        Raises PipelineError if the API can't be reached or refuses the credentials, and the
        client's ApiException for other errors.
        """
        try:
            return json.loads(request(_request_timeout=SECONDS, _preload_content=False).data)
        except self._client.ApiException as error:
            if error.status != 401:
                raise
            raise PipelineError(
                f"Kubernetes at {self.host} does not accept your credentials: log in again, as for "
                "kubectl"
            ) from None
        except import_module("urllib3.exceptions").HTTPError as error:
            raise PipelineError(
                f"Kubernetes at {self.host} can't be reached: {find_root_cause(error)}"
            ) from None


def make_configuration_error(error: Exception) -> PipelineError:
    """Make the error to raise if kubectl's configuration can't be used."""
    return PipelineError(
        f"the configuration of kubectl can't be used: {find_root_cause(error)}. Check that "
        "`kubectl get pods` works here (KUBECONFIG)"
    )


def read_message(error: Any) -> str:
    """Read the message of Kubernetes from the client's ApiException, or else its reason."""
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)


def parse_amount(text: Any) -> Decimal | None:
    """Parse a quantity of Kubernetes, such as 500m or 4Gi; None if it is not a quantity."""
    try:
        amount: Decimal = import_module("kubernetes.utils").parse_quantity(text)
    except ValueError:
        return None
    return amount
