"""Checks of objects: what Kubernetes refuses, or what never works, although the schemas allow it.

Each check takes all rendered objects and yields all problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cluster.lint.finding import PLACEHOLDER, Pod, find_pods, list_ports, mapping, mappings
from mlpo_kit.cluster.description import Cluster
from mlpo_kit.cluster.pods import Manifest

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_PLAIN = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_LONGEST = {"CronJob": 52, "Job": 63, "Service": 63}  # names of others: 253
_FREE = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")  # names like system:node
_MATCHED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
_NAMED_IN = {  # where deploy/cluster.yaml names what the cluster holds
    "Secret": "secrets or pull_secrets",
    "PersistentVolumeClaim": "volume_claim",
    "ServiceAccount": "service_account",
}


@dataclass(frozen=True)
class Rendered:
    """All rendered objects with a description of where they are, and the pods in them."""

    objects: list[tuple[str, Manifest]]
    pods: list[Pod]
    cluster: Cluster


def find_objects(files: dict[str, list[Manifest]], cluster: Cluster) -> Rendered:
    """Gather the objects of all files, and the pods in them."""
    objects = [
        (f"{stem}.yaml: {document.get('kind')} {_name(document)}", document)
        for stem, documents in files.items()
        for document in documents
    ]
    pods = [pod for where, document in objects for pod in find_pods(document, where)]
    return Rendered(objects, pods, cluster)


def check_names(rendered: Rendered) -> Iterator[str]:
    """Check that names and labels have a form that Kubernetes accepts."""
    for where, document in rendered.objects:
        kind, metadata = str(document.get("kind")), mapping(document.get("metadata"))
        longest = _LONGEST.get(kind, 253)
        form = f"(?=[a-z]){_LABEL}" if kind == "Service" else _SUBDOMAIN
        name = metadata.get("name")
        if name is None and "generateName" not in metadata:
            yield f"{where}: has no name"
        elif name is not None and kind not in _FREE and not _has_form(name, form, longest):
            yield (
                f"{where}: {name!r} is no name for a {kind}: at most {longest} small letters, "
                "digits and dashes" + (", a letter first" if kind == "Service" else "")
            )
        yield from _labels(where, mapping(metadata.get("labels")))
        for key in {**mapping(document.get("data")), **mapping(document.get("binaryData"))}:
            if kind in ("ConfigMap", "Secret") and not _has_form(key, r"[-._a-zA-Z0-9]+", 253):
                yield f"{where}: {key!r} is no name for a file: letters, digits, dashes and dots"
    for pod in rendered.pods:
        yield from _labels(pod.where, pod.labels)
        yield from _labels(pod.where, mapping(pod.spec.get("nodeSelector")))
        named = [(where, container) for where, container in pod.containers]
        named += [(f"{pod.where}: a volume", one) for one in mappings(pod.spec.get("volumes"))]
        for where, one in named:
            if not _has_form(one.get("name"), _LABEL, 63):
                yield (
                    f"{where}: {one.get('name')!r} is no name: at most 63 small letters, digits "
                    "and dashes"
                )


def _labels(where: str, labels: Manifest) -> Iterator[str]:
    for key, value in labels.items():
        prefix, slash, name = str(key).rpartition("/")
        if not _has_form(name, _PLAIN, 63) or (slash and not _has_form(prefix, _SUBDOMAIN, 253)):
            yield f"{where}: {key!r} is no name for a label"
        if value and not _has_form(value, _PLAIN, 63):
            yield (
                f"{where}: the label {key} can't be {value!r}: at most 63 letters, digits, dashes, "
                "dots and underscores"
            )


def _has_form(text: object, form: str, longest: int) -> bool:
    text = str(text)
    if PLACEHOLDER.search(text):
        return True
    return len(text) <= longest and re.fullmatch(form, text) is not None


def check_duplicates(rendered: Rendered) -> Iterator[str]:
    """Check that no two files define the same object differently."""
    seen: dict[tuple[str, ...], tuple[str, Manifest]] = {}
    for where, document in rendered.objects:
        metadata = mapping(document.get("metadata"))
        if "name" not in metadata:
            continue
        key = tuple(map(str, (document.get("kind"), metadata.get("namespace"), metadata["name"])))
        first, other = seen.setdefault(key, (where, document))
        if other != document:
            yield f"{where}: {first.partition(':')[0]} has another one of this name: rename one"


def check_references(rendered: Rendered) -> Iterator[str]:
    """Check that what a pod refers to is among the manifests or in deploy/cluster.yaml."""
    cluster = rendered.cluster
    there = {(str(one.get("kind")), _name(one)) for _, one in rendered.objects}
    there |= {("Secret", name) for name in (*cluster.secrets, *cluster.pull_secrets)}
    there |= {
        ("PersistentVolumeClaim", str(cluster.volume_claim)),
        ("ServiceAccount", str(cluster.service_account)),
        ("ServiceAccount", "default"),
    }
    for pod in rendered.pods:
        for where, kind, name in _references(pod):
            if (kind, name) in there or PLACEHOLDER.search(name):
                continue
            place = _NAMED_IN.get(kind)
            yield f"{where}: refers to the {kind} {name}, which is not among the manifests" + (
                f": add it, or name what the cluster has in {place} of deploy/cluster.yaml"
                if place
                else ": add it"
            )


def _references(pod: Pod) -> Iterator[tuple[str, str, str]]:
    if account := pod.spec.get("serviceAccountName"):
        yield pod.where, "ServiceAccount", str(account)
    for secret in mappings(pod.spec.get("imagePullSecrets")):
        yield pod.where, "Secret", str(secret.get("name"))
    for volume in mappings(pod.spec.get("volumes")):
        for source in [volume, *mappings(mapping(volume.get("projected")).get("sources"))]:
            for key, kind, field in (
                ("configMap", "ConfigMap", "name"),
                ("secret", "Secret", "secretName" if source is volume else "name"),
                ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
            ):
                yield from _reference(pod.where, kind, source.get(key), field)
    for where, container in pod.containers:
        for one in mappings(container.get("env")):
            value = mapping(one.get("valueFrom"))
            yield from _reference(where, "ConfigMap", value.get("configMapKeyRef"), "name")
            yield from _reference(where, "Secret", value.get("secretKeyRef"), "name")
        for one in mappings(container.get("envFrom")):
            yield from _reference(where, "ConfigMap", one.get("configMapRef"), "name")
            yield from _reference(where, "Secret", one.get("secretRef"), "name")


def _reference(where: str, kind: str, source: Any, field: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(source, dict) and not source.get("optional"):
        yield where, kind, str(source.get(field))


def check_selectors(rendered: Rendered) -> Iterator[str]:
    """Check that selectors select the pods that they should."""
    for where, document in rendered.objects:
        kind, spec = document.get("kind"), mapping(document.get("spec"))
        wanted = _selector(document)
        if kind in _MATCHED:
            template = mapping(spec.get("template"))
            labels = mapping(mapping(template.get("metadata")).get("labels"))
            for key, value in wanted.items():
                if labels.get(key) != value:
                    yield (
                        f"{where}: selects pods with the label {key}: {value}, and its own have "
                        f"{labels.get(key) or 'none'}: say the same in template.metadata.labels"
                    )
        elif (
            kind in ("Service", "PodDisruptionBudget")
            and wanted
            and not _selected(rendered, wanted)
        ):
            yield f"{where}: selects no pod among the manifests: say the labels of one in selector"


def check_service_ports(rendered: Rendered) -> Iterator[str]:
    """Check that a Service uses a port that its pods have."""
    for where, document in rendered.objects:
        if document.get("kind") != "Service":
            continue
        pods = _selected(rendered, _selector(document))
        there = {port for pod in pods for _, one in pod.containers for port in list_ports(one)}
        for port in mappings(mapping(document.get("spec")).get("ports")):
            target = port.get("targetPort", port.get("port"))
            if pods and str(target) not in there:
                known = ", ".join(sorted(there)) or "none"
                yield f"{where}: leads to port {target}; in its pods' ports there is: {known}"


def _selector(document: Manifest) -> Manifest:
    selector = mapping(mapping(document.get("spec")).get("selector"))
    return selector if document.get("kind") == "Service" else mapping(selector.get("matchLabels"))


def _selected(rendered: Rendered, wanted: Manifest) -> list[Pod]:
    return [
        pod
        for pod in rendered.pods
        if wanted and all(pod.labels.get(key) == value for key, value in wanted.items())
    ]


def check_schedules(rendered: Rendered) -> Iterator[str]:
    """Check that a CronJob has a schedule in cron's format."""
    for where, document in rendered.objects:
        text = mapping(document.get("spec")).get("schedule")
        if document.get("kind") != "CronJob" or not isinstance(text, str):
            continue
        if len(text.split()) != 5 and not text.startswith("@"):
            yield f"{where}: the schedule {text!r} has not cron's five fields, as 30 3 * * * has"


def _name(document: Manifest) -> str:
    metadata = mapping(document.get("metadata"))
    return str(metadata.get("name") or metadata.get("generateName") or "without a name")


CHECKS = (
    *(check_names, check_duplicates, check_references),
    *(check_selectors, check_service_ports, check_schedules),
)
