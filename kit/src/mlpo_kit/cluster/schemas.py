"""Check documents against Kubernetes' own schemas of a release.

The schemas come from the package kubernetes-validate, which is installed for development only. It
has none for extensions (Argo, JobSet, Kubeflow Trainer), so their documents are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from mlpo_kit.errors import PipelineError, suggest

Document = dict[str, Any]


def is_extension(document: Document) -> bool:
    """Whether a document's API group belongs to an extension; the group's name tells."""
    group = str(document.get("apiVersion")).rpartition("/")[0]
    return "." in group and not group.endswith(".k8s.io")


def check_document(document: Document, version: str) -> str | None:
    """Return the first problem of a document under a release of Kubernetes, such as 1.35.

    Returns None if there is no problem, or the kind is an extension's. Raises PipelineError if
    there are no schemas of that release.
    """
    if is_extension(document):
        return None
    kind, validate = document["kind"], load_validator()
    try:
        validate.validate(document, version, strict=True)
    except validate.SchemaNotFoundError:
        return f"Kubernetes {version} has no {kind} in apiVersion {document['apiVersion']}"
    except validate.ValidationError as error:
        return describe_error(error)
    except (validate.utils.VersionNotSupportedError, IndexError):  # newer or older than all
        releases = list_releases()
        raise PipelineError(
            f"there are no schemas of Kubernetes {version}, only of {releases[0]} to {releases[-1]}"
        ) from None
    return None


def check_pod_spec(spec: Document, version: str | None = None) -> str | None:
    """Return the first problem of a pod's `spec`, or None; `version` is by default the newest."""
    full_spec = {"containers": [], **spec}  # an orchestrator may add the containers later
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": full_spec}
    problem = check_document(pod, version or list_releases()[-1])
    return problem.removeprefix("spec: ").removeprefix("spec.") if problem else None


def are_installed() -> bool:
    """Whether the schemas are installed; they are not in an image."""
    try:
        import_module("kubernetes_validate")
    except ModuleNotFoundError:
        return False
    return True


def load_validator() -> Any:
    """Import kubernetes-validate; raises PipelineError if it is not installed."""
    try:
        return import_module("kubernetes_validate")
    except ModuleNotFoundError:
        raise PipelineError(
            "kubernetes-validate, which has Kubernetes' schemas, is not installed: `make setup` "
            "installs it"
        ) from None


def list_releases() -> list[str]:
    """List the releases that have schemas, such as 1.35, oldest first."""
    versions = load_validator().utils.all_versions()
    return list(dict.fromkeys(".".join(version.split(".")[:2]) for version in versions))


def describe_error(error: Any) -> str:
    """Describe a schema's error with its place: `spec.replicas: 'two' is not of type integer`."""
    place = ".".join(map(str, error.absolute_path))
    return f"{place}: {_describe(error)}" if place else _describe(error)


def _describe(error: Any) -> str:
    if error.validator == "additionalProperties":
        known: Iterable[str] = error.schema.get("properties", {})
        unknown = [name for name in error.instance if name not in known]
        return "; ".join(f"there is no field {name}{suggest(name, known)}" for name in unknown)
    if error.validator == "required":
        missing = re.match("'(.*)' is a required property", error.message)
        return f"{missing[1]} is missing" if missing else str(error.message)
    if error.validator == "oneOf":
        kinds = [choice["type"][0] for choice in error.validator_value]
        return f"{error.instance!r} is neither {' nor '.join(kinds)}"
    if error.validator == "type":
        types = error.validator_value
        return f"{error.instance!r} is not of type {types if isinstance(types, str) else types[0]}"
    return str(error.message)
