"""Kubernetes' own schemas of its objects, of a release.

They are in the package kubernetes-validate, which is there for development only. Of the kinds of
extensions (Argo, JobSet, Kubeflow Trainer) it knows nothing, and nothing is said of them here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from mlpo_kit.errors import PipelineError, suggest

Document = dict[str, Any]


def is_extension(document: Document) -> bool:
    """Whether Kubernetes itself does not have the group of a document, by the group's name."""
    group = str(document.get("apiVersion")).rpartition("/")[0]
    return "." in group and not group.endswith(".k8s.io")


def check_document(document: Document, version: str) -> str | None:
    """Say what a release of Kubernetes, such as 1.35, would not take in a document.

    Returns the first problem, or None where there is none, or the kind is an extension's. Raises
    PipelineError where there are no schemas of that release.
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
    except (validate.utils.VersionNotSupportedError, IndexError):  # newer, or older, than all
        known = list_releases()
        raise PipelineError(
            f"there are no schemas of Kubernetes {version}: there are those of {known[0]} to "
            f"{known[-1]}"
        ) from None
    return None


def check_pod_spec(spec: Document, version: str | None = None) -> str | None:
    """Say what a release, or the newest one, would not take in the `spec` of a pod; or None."""
    whole = {"containers": [], **spec}  # where somebody else adds them
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": whole}
    problem = check_document(pod, version or list_releases()[-1])
    return problem.removeprefix("spec: ").removeprefix("spec.") if problem else None


def are_installed() -> bool:
    """Whether the schemas are here: not where only what a run needs is installed."""
    try:
        import_module("kubernetes_validate")
    except ModuleNotFoundError:
        return False
    return True


def load_validator() -> Any:
    """Import kubernetes-validate; raises PipelineError where it is not installed."""
    try:
        return import_module("kubernetes_validate")
    except ModuleNotFoundError:
        raise PipelineError(
            "kubernetes-validate, which has Kubernetes' schemas, is not installed: `make setup` "
            "installs it with what is for development"
        ) from None


def list_releases() -> list[str]:
    """List the releases whose schemas are there, the oldest first, such as 1.35."""
    versions = load_validator().utils.all_versions()
    return list(dict.fromkeys(".".join(version.split(".")[:2]) for version in versions))


def describe_error(error: Any) -> str:
    """Describe what a schema refuses, with where that is: `spec.replicas: 'two' is no integer`."""
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
        wanted = error.validator_value
        kind = wanted if isinstance(wanted, str) else wanted[0]
        return f"{error.instance!r} is no {kind}"
    return str(error.message)
