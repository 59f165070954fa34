"""Kubernetes' own schemas of its objects, of a release.

They are in the package kubernetes-validate, which is there for development only.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from mlpo_kit.cluster.found_pods import PLACEHOLDER
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.errors import PipelineError

POD = "io.k8s.api.core.v1.PodSpec"


def is_built_in(document: Manifest, version: str) -> bool:
    """Whether Kubernetes itself has the group of a document, and not an extension of it."""
    group = str(document.get("apiVersion")).rpartition("/")[0]
    return "." not in group or any(group == known for known, *_ in _kinds(version))


def misfits(document: Manifest, version: str) -> Iterator[str]:
    """What in a document of a built-in group the release would not take."""
    group, _, name = str(document.get("apiVersion")).rpartition("/")
    kind, kinds = str(document.get("kind")), _kinds(version)
    if (found := kinds.get((group, name, kind))) is not None:
        yield from _errors(document, found, version)
        return
    others = [f"{g}/{v}".lstrip("/") for g, v, k in kinds if k == kind]
    if others:
        yield f"apiVersion {document.get('apiVersion')} has no {kind}: it is in {', '.join(others)}"
    else:
        yield f"Kubernetes {version} has no kind {kind}" + _suggestion(kind, [k for *_, k in kinds])


def pod_misfits(spec: Manifest, version: str) -> Iterator[str]:
    """What in the `spec` of a pod the release would not take."""
    yield from _errors(spec, POD, version)


def _errors(document: Manifest, definition: str, version: str) -> Iterator[str]:
    for error in _validator(definition, version).iter_errors(document):
        if isinstance(error.instance, str) and PLACEHOLDER.search(error.instance):
            continue
        place = ".".join(map(str, error.absolute_path))
        yield f"{place}: {_message(error)}" if place else _message(error)


def _message(error: Any) -> str:
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = [name for name in error.instance if name not in known]
        return "; ".join(f"there is no field {name}{_suggestion(name, known)}" for name in unknown)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{' and '.join(missing)} is missing"
    if error.validator == "oneOf":
        kinds = [one["type"][0] for one in error.validator_value]
        return f"{error.instance!r} is neither {' nor '.join(kinds)}"
    if error.validator == "type":
        wanted = error.validator_value
        return f"{error.instance!r} is no {wanted if isinstance(wanted, str) else wanted[0]}"
    return str(error.message)


def _suggestion(name: object, known: Any) -> str:
    near = difflib.get_close_matches(str(name), known, 1)
    return f"; did you mean {near[0]}?" if near else ""


@cache
def _validator(definition: str, version: str) -> Any:
    registry = import_module("referencing").Registry()
    schemas = import_module("referencing.jsonschema")
    resource = schemas.DRAFT202012.create_resource(_definitions(version))
    kind = import_module("jsonschema").Draft202012Validator
    schema = {"$ref": f"kubernetes:#/$defs/{definition}"}
    return kind(schema, registry=registry.with_resource("kubernetes:", resource))


@cache
def _kinds(version: str) -> dict[tuple[str, str, str], str]:
    """The definition of each kind, by group, version and kind."""
    return {
        (kind["group"], kind["version"], kind["kind"]): name
        for name, definition in _definitions(version)["$defs"].items()
        for kind in definition.get("x-kubernetes-group-version-kind", [])
    }


@cache
def _definitions(version: str) -> Any:
    """The definitions of a release, such as 1.35. Raises PipelineError where there are none."""
    try:
        folder = files("kubernetes_validate") / "kubernetes-json-schema"
    except ModuleNotFoundError:
        raise PipelineError(
            "kubernetes-validate, which has Kubernetes' schemas, is not installed: `make setup` "
            "installs it with what is for development"
        ) from None
    found = {
        ".".join(match.groups()): place
        for place in folder.iterdir()
        if (match := re.fullmatch(r"v(\d+)\.(\d+)\.\d+-local-strict", place.name))
    }
    wanted = ".".join(version.removeprefix("v").split(".")[:2])
    if wanted not in found:
        known = sorted(found, key=lambda release: [int(part) for part in release.split(".")])
        raise PipelineError(
            f"there are no schemas of Kubernetes {version}: there are those of {known[0]} to "
            f"{known[-1]}"
        )
    return json.loads((found[wanted] / "_definitions.json").read_text(encoding="utf-8"))
