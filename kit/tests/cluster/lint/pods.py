"""Checks of one pod: problems that its schema allows, and the kit's policies.

With the former, Kubernetes refuses the pod, or it never starts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from cluster.lint.finding import PLACEHOLDER, Pod, list_ports, mapping, mappings
from mlpo_kit.cluster.kubernetes_api import parse_amount
from mlpo_kit.cluster.pods import Manifest

_ENDS = {"Job": "Always", "CronJob": "Always", "JobSet": "OnFailure"}  # and what is the default
_STAYS = {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"}
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def check_restart_policy(pod: Pod) -> Iterator[str]:
    """Check that jobs end and servers are restarted."""
    policy = pod.spec.get("restartPolicy")
    if pod.kind in _ENDS and (policy or _ENDS[pod.kind]) not in ("Never", "OnFailure"):
        yield f"{pod.where}: a {pod.kind} ends: say restartPolicy: Never, or OnFailure"
    if pod.kind in _STAYS and policy not in (None, "Always"):
        yield f"{pod.where}: a {pod.kind} is always started again: leave restartPolicy out"


def check_volumes(pod: Pod) -> Iterator[str]:
    """Check that mounted volumes exist, are unique, and that each volume is mounted."""
    counts = Counter(str(volume.get("name")) for volume in mappings(pod.spec.get("volumes")))
    mounted = set[str]()
    for where, container in pod.containers:
        places = Counter[str]()
        for mount in mappings(container.get("volumeMounts")):
            name = str(mount.get("name"))
            mounted.add(name)
            places[str(mount.get("mountPath"))] += 1
            if name not in counts:
                yield f"{where}: mounts the volume {name}, which the pod does not have: add it"
        for place in _repeated(places):
            yield f"{where}: mounts two volumes at {place}: one hides the other"
    for name in _repeated(counts):
        yield f"{pod.where}: has two volumes of the name {name}: rename one"
    for name in counts:
        if name not in mounted:
            yield f"{pod.where}: no container mounts the volume {name}: mount it, or leave it out"


def check_amounts(pod: Pod) -> Iterator[str]:
    """Check that quantities are valid and requests do not exceed limits."""
    for volume in mappings(pod.spec.get("volumes")):
        limit = mapping(volume.get("emptyDir")).get("sizeLimit")
        if limit is not None and parse_amount(limit) is None:
            where = f"{pod.where}: volume {volume.get('name')}"
            yield from _no_quantity(f"{where}: sizeLimit", limit)
    for where, container in pod.containers:
        asked = mapping(container.get("resources"))
        requests, limits = mapping(asked.get("requests")), mapping(asked.get("limits"))
        for section, values in (("requests", requests), ("limits", limits)):
            for name, value in values.items():
                if (number := parse_amount(value)) is None:
                    yield from _no_quantity(f"{where}: {section}.{name}", value)
                elif _is_device(name) and number % 1:
                    yield f"{where}: {section}.{name} is {value}, and devices are whole"
        for name, value in requests.items():
            yield from _fits(where, name, value, limits.get(name))


def _fits(where: str, name: str, request: Any, limit: Any) -> Iterator[str]:
    wanted, most = parse_amount(request), parse_amount(limit)
    if _is_device(name) and limit is None:
        yield f"{where}: requests {name} without a limit: say limits.{name}: {request}"
    elif wanted is None or most is None:  # no limit; or no quantity, which was said
        return
    elif _is_device(name) and wanted != most:
        yield f"{where}: requests {request} {name} and is limited to {limit}: say the same twice"
    elif wanted > most:
        yield f"{where}: requests more {name} ({request}) than its limit ({limit}): raise the limit"


def check_variables(pod: Pod) -> Iterator[str]:
    """Check that each variable has a valid name and one value."""
    for where, container in pod.containers:
        env = mappings(container.get("env"))
        for name in _repeated(Counter(str(one.get("name")) for one in env)):
            yield f"{where}: sets {name} twice: only the last one counts, drop the other"
        for one in env:
            if not re.fullmatch(r"[-._a-zA-Z][-._a-zA-Z0-9]*", str(one.get("name"))):
                yield f"{where}: {one.get('name')!r} is no name for a variable"
            if one.get("value") and one.get("valueFrom"):
                yield f"{where}: {one.get('name')} has both value and valueFrom: drop one"


def check_probes(pod: Pod) -> Iterator[str]:
    """Check that probes use a port of their container."""
    for where, container in pod.containers:
        there = list_ports(container)
        for kind in _PROBES:
            probe = mapping(container.get(kind))
            for way in ("httpGet", "tcpSocket", "grpc"):
                port = mapping(probe.get(way)).get("port")
                if port is not None and str(port) not in there:
                    known = ", ".join(sorted(there)) or "none"
                    yield f"{where}: {kind} asks at port {port}; in ports there is: {known}"


def check_image(pod: Pod) -> Iterator[str]:
    """Check that an image is named by a digest, or a tag other than `latest`."""
    for where, container in pod.containers:
        named = str(container.get("image") or "")
        tag = named.rpartition("/")[2].partition(":")[2]
        if not named and pod.kind != "TrainJob":  # whose runtime names it
            yield f"{where}: has no image: name the project's"
        elif not named or "@" in named or PLACEHOLDER.search(named):
            continue
        elif tag in ("", "latest"):
            yield (
                f"{where}: the image {named} may be another one tomorrow: name a tag that is not "
                "latest, or a digest"
            )


def check_limits(pod: Pod) -> Iterator[str]:
    """Check that containers have a memory limit and request CPU."""
    for where, container in pod.containers:
        asked = mapping(container.get("resources"))
        requests, most = mapping(asked.get("requests")), mapping(asked.get("limits"))
        if "memory" not in most:
            yield f"{where}: may take all memory of its node: say resources.limits.memory"
        if "cpu" not in {*requests, *most}:
            yield f"{where}: does not say how much CPU it needs: say resources.requests.cpu"


def check_user(pod: Pod) -> Iterator[str]:
    """Check that nothing runs as root."""
    for where, container in pod.containers:
        security = _security(pod, container)
        if security.get("runAsUser") == 0:
            yield f"{where}: runs as root, runAsUser is 0: say that of the image, 10001"
        elif not security.get("runAsNonRoot") and not security.get("runAsUser"):
            yield f"{where}: may run as root: say securityContext.runAsNonRoot: true"


def check_privileges(pod: Pod) -> Iterator[str]:
    """Check that nothing has access to its node or can gain privileges."""
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(name):
            yield f"{pod.where}: shares what is its node's, {name}: leave that out"
    for volume in mappings(pod.spec.get("volumes")):
        if "hostPath" in volume:
            place = f"{pod.where}: the volume {volume.get('name')}"
            yield f"{place} is a hostPath, its node's: take a claim"
    for where, container in pod.containers:
        security = _security(pod, container)
        if security.get("privileged"):
            yield f"{where}: is privileged: leave that out"
        if security.get("allowPrivilegeEscalation") is not False:
            yield f"{where}: may gain rights: say securityContext.allowPrivilegeEscalation: false"
        if added := mapping(security.get("capabilities")).get("add"):
            yield f"{where}: adds the capabilities {added}: leave them out"


CHECKS = (
    *(check_restart_policy, check_volumes, check_amounts, check_variables, check_probes),
    *(check_image, check_limits, check_user, check_privileges),
)


def _security(pod: Pod, container: Manifest) -> Manifest:
    """Return a container's security context; its own values override the pod's."""
    return {**mapping(pod.spec.get("securityContext")), **mapping(container.get("securityContext"))}


def _is_device(name: str) -> bool:
    return "/" in name


def _no_quantity(where: str, value: Any) -> Iterator[str]:
    if not PLACEHOLDER.search(str(value)):
        yield f"{where} is {value}, which is no quantity: 500m, 2 or 4Gi would be"


def _repeated(counts: Counter[str]) -> list[str]:
    return [name for name, count in counts.items() if count > 1]
