"""Find the pods that manifests describe, at any depth.

Documents of extensions (Argo, JobSet, Kubeflow Trainer) contain pods as well: complete ones, or in
parts that are joined here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from mlpo_kit.cluster.pods import Manifest

PLACEHOLDER = re.compile(r"\{\{.*?\}\}")  # Argo replaces it at run time
_POD_FIELDS = (  # the fields of a pod's spec that a template of Argo has, too
    "activeDeadlineSeconds",
    "affinity",
    "automountServiceAccountToken",
    "hostAliases",
    "initContainers",
    "nodeSelector",
    "priorityClassName",
    "securityContext",
    "serviceAccountName",
    "tolerations",
)
_OF_WORKFLOW = ("imagePullSecrets", "hostNetwork", "securityContext", "serviceAccountName")


@dataclass(frozen=True)
class Pod:
    """A pod, with a description of where it was found, and the kind of its object."""

    where: str
    kind: str
    labels: Manifest
    spec: Manifest

    @property
    def containers(self) -> list[tuple[str, Manifest]]:
        """Its containers, each with a description of where it is."""
        return [
            (f"{self.where}: container {container.get('name')}", container)
            for group in ("initContainers", "containers")
            for container in mappings(self.spec.get(group))
        ]


def find_pods(document: Manifest, where: str) -> list[Pod]:
    """Find the pods in a manifest."""
    kind = str(document.get("kind"))
    if kind == "TrainJob":
        document = _with_trainer(document)
    return list(_find(document, kind, where, {}, {}))


def _find(value: Any, kind: str, where: str, labels: Manifest, workflow: Manifest) -> Iterator[Pod]:
    """Find the pods in a part of a manifest; `labels` are those of the enclosing object."""
    if isinstance(value, list):
        for one in value:
            yield from _find(one, kind, where, {}, workflow)
    if not isinstance(value, dict):
        return
    own = mapping(mapping(value.get("metadata")).get("labels"))
    if mappings(value.get("containers")):
        yield Pod(where, kind, labels, value)
    elif work := mapping(value.get("container")) or mapping(value.get("script")):
        template = f"{where}: template {value.get('name')}"
        yield Pod(template, kind, own, _of_template(value, work, workflow))
    elif isinstance(text := value.get("manifest"), str):
        document = _parse(text)
        yield from find_pods(document, f"{where}: {document.get('kind')}")
    else:
        below = value if "templates" in value else workflow
        for one in value.values():
            yield from _find(one, kind, where, own, below)


def _of_template(template: Manifest, work: Manifest, workflow: Manifest) -> Manifest:
    """Build the pod that Argo creates from a template and its workflow's common fields."""
    work = {"name": "main", **{name: work[name] for name in work if name != "source"}}
    pod = {name: workflow[name] for name in _OF_WORKFLOW if name in workflow}
    pod |= {name: template[name] for name in _POD_FIELDS if name in template}
    volumes = [*mappings(workflow.get("volumes")), *mappings(template.get("volumes"))]
    if volumes:
        pod["volumes"] = volumes
    return {**pod, "containers": [work, *mappings(template.get("sidecars"))]}


def _with_trainer(document: Manifest) -> Manifest:
    """Return a TrainJob whose pods contain the fields from its `trainer`."""
    spec = mapping(document.get("spec"))
    trainer = mapping(spec.get("trainer"))
    stated: Manifest = {name: trainer[name] for name in ("image", "command") if name in trainer}
    if "resourcesPerNode" in trainer:
        stated["resources"] = trainer["resourcesPerNode"]

    def complete(value: Any) -> Any:
        if isinstance(value, list):
            return [complete(one) for one in value]
        if not isinstance(value, dict):
            return value
        made = {name: complete(one) for name, one in value.items()}
        if value.get("name") == "node" and "spec" not in value and "template" not in value:
            env = [*mappings(value.get("env")), *mappings(trainer.get("env"))]
            made = {**stated, **made, **({"env": env} if env else {})}
        return made

    return {**document, "spec": {**spec, "runtimePatches": complete(spec.get("runtimePatches"))}}


def list_ports(container: Manifest) -> set[str]:
    """List a container's ports, by number and by name."""
    return {
        str(port[key])
        for port in mappings(container.get("ports"))
        for key in ("containerPort", "name")
        if key in port
    }


def _parse(text: str) -> Manifest:
    """Parse the manifest in a template of Argo; its placeholders count as 1."""
    try:
        return mapping(yaml.safe_load(PLACEHOLDER.sub("1", text)))
    except yaml.YAMLError:
        return {}


def mapping(value: Any) -> Manifest:
    """Return the value if it is a mapping, otherwise an empty one; the schemas report it."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Manifest]:
    """Return the mappings in a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
