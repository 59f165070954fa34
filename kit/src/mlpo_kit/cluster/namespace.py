"""What a namespace has for a run, and what is missing: asked of Kubernetes.

Of what this user may not read nothing is said: that is no problem of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from mlpo_kit.cluster.description import Cluster
from mlpo_kit.cluster.kubernetes_api import UNKNOWN, KubernetesApi, parse_amount
from mlpo_kit.config.sections import Resources
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.runs.pipeline import load_pipeline

Answer = tuple[bool, str]  # whether that is fine, and what it is
MIB = 2**20


def ask(settings: BaseSettings, cluster: Cluster) -> Iterator[Answer]:
    """Ask all that can be known before a run; raises PipelineError where nobody answers."""
    api, name = KubernetesApi(), cluster.namespace
    allowed = api.may_create("batch", "jobs", name)
    if api.get("read_namespace", name) is None:
        yield False, f"there is no namespace {name} at {api.host}: kubectl create namespace {name}"
        return
    wrong = [*_missing(api, cluster), *_quotas(api, settings, cluster)]
    if not allowed:
        wrong.append(f"you may not create jobs in the namespace {name}: ask who runs the cluster")
    yield from ((False, sentence) for sentence in wrong)
    if not wrong:
        yield True, f"the namespace {name} at {api.host} takes jobs, and has what they need"
    if nodes := _nodes(api, settings, cluster):
        yield True, nodes


def _missing(api: KubernetesApi, cluster: Cluster) -> Iterator[str]:
    """What deploy/cluster.yaml names and is not there."""
    space, kubectl = cluster.namespace, f"kubectl -n {cluster.namespace}"
    for name, variables in cluster.secrets.items():
        secret = api.get("read_namespaced_secret", name, space)
        if secret is None:
            values = " ".join(f"--from-literal={key}=..." for key in variables)
            create = f"{kubectl} create secret generic {name} {values}"
            yield f"there is no secret {name} in the namespace {space}: {create}"
        elif secret is not UNKNOWN:
            data = secret.get("data") or {}
            for key in sorted(variables.keys() - data.keys()):
                yield (
                    f"the secret {name} has no key {key}, which secrets of deploy/cluster.yaml "
                    f"names; it has: {', '.join(sorted(data)) or 'none'}"
                )
    for name in cluster.pull_secrets:
        if api.get("read_namespaced_secret", name, space) is None:
            create = f"{kubectl} create secret docker-registry {name} --docker-server=..."
            yield f"there is no pull secret {name} in the namespace {space}: {create}"
    if claim := cluster.volume_claim:
        found = api.get("read_namespaced_persistent_volume_claim", claim, space)
        if found is None:
            yield (
                f"there is no volume claim {claim} in the namespace {space}: create it, so that "
                "several pods may write to it at once (ReadWriteMany)"
            )
        elif found is not UNKNOWN and found["status"].get("phase") == "Lost":
            yield f"the volume of the claim {claim} is lost: {kubectl} describe pvc {claim}"
    account = cluster.service_account
    if account and api.get("read_namespaced_service_account", account, space) is None:
        create = f"{kubectl} create serviceaccount {account}"
        yield f"there is no service account {account} in the namespace {space}: {create}"


def _quotas(api: KubernetesApi, settings: BaseSettings, cluster: Cluster) -> Iterator[str]:
    """The quotas that leave no room for the stage that asks for most."""
    found = api.get("list_namespaced_resource_quota", cluster.namespace)
    for quota in [] if found in (None, UNKNOWN) else found["items"]:
        spec, status = quota.get("spec", {}), quota.get("status", {})
        if "scopes" in spec or "scopeSelector" in spec:  # of some pods only
            continue
        used = status.get("used", {})
        for key, value in status.get("hard", {}).items():
            most, taken = parse_amount(value), parse_amount(used.get(key, "0"))
            stage, needed = _largest(key, settings, cluster)
            if most is None or taken is None or needed <= most - taken:
                continue
            advice = "wait until others are done, or ask for more"
            if needed > most:
                advice = "ask for more, or say less in resources of the profile"
            yield (
                f"the quota {quota['metadata']['name']} of the namespace {cluster.namespace} "
                f"leaves {_shown(key, most - taken)} of {_shown(key, most)} {key}, and {stage} "
                f"needs {_shown(key, needed)}: {advice}"
            )


def _largest(key: str, settings: BaseSettings, cluster: Cluster) -> tuple[str, Decimal]:
    """The stage that takes most of what a quota counts, and how much."""
    name = key.removeprefix("requests.").removeprefix("limits.")

    def amount(stage: str, asked: Resources) -> Decimal:
        amounts = {
            "cpu": asked.cpu,
            "memory": asked.memory_mb * MIB,
            cluster.gpu_type: asked.gpu,
            "pods": 1,
        }
        pods = getattr(getattr(settings, stage, None), "nodes", 1)
        return Decimal(pods * amounts.get(name, 0))

    asked = {name: Resources() for name in load_pipeline()} | settings.resources
    needed, stage = max((amount(*one), one[0]) for one in asked.items())
    return stage, needed


def _shown(key: str, number: Decimal) -> str:
    return f"{int(number) // MIB}Mi" if key.endswith("memory") else f"{number.normalize():f}"


def _nodes(api: KubernetesApi, settings: BaseSettings, cluster: Cluster) -> str | None:
    """How many nodes could run the stage with most GPUs, if one has any and that may be known."""
    stage, needed = max(
        ((name, asked.gpu) for name, asked in settings.resources.items()),
        key=lambda one: one[1],
        default=("", 0),
    )
    wanted = ",".join(f"{key}={value}" for key, value in cluster.node_selector.items())
    found: Any = api.get("list_node", label_selector=wanted) if needed else UNKNOWN
    if found in (None, UNKNOWN):
        return None
    held = [node.get("status", {}).get("allocatable", {}) for node in found["items"]]
    offers = [parse_amount(one.get(cluster.gpu_type, "0")) for one in held]
    count = sum(1 for offer in offers if offer is not None and offer >= needed)
    like = f"{needed} {cluster.gpu_type}" + (f" and the labels {wanted}" if wanted else "")
    if not count:
        return f"no node has {like} now: {stage} waits until one is added"
    return f"{count} of the nodes have {like}, for {stage}"
