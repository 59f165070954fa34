"""Check that a namespace has everything that a run needs, by asking Kubernetes.

Objects that this user may not read are not reported: the run may be able to use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from mlpo_kit.cluster.description import FILE, Cluster
from mlpo_kit.cluster.kubernetes_api import UNKNOWN, KubernetesApi, parse_amount
from mlpo_kit.cluster.manifests import Files
from mlpo_kit.config.sections import Resources, count_nodes
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.runs.pipeline import load_pipeline

Answer = tuple[bool, str]  # whether the check passed, and a sentence about it
MIB = 2**20


def ask_kubernetes(
    settings: BaseSettings, cluster: Cluster, files: Files | None = None
) -> Iterator[Answer]:
    """Check everything in Kubernetes that can be checked before a run.

    Checks also that Kubernetes would accept the manifests in `files`. Raises PipelineError if the
    API can't be reached.
    """
    api, namespace = KubernetesApi(), cluster.namespace
    may_create = api.may_create("batch", "jobs", namespace)
    if api.get("read_namespace", namespace) is None:
        create = f"kubectl create namespace {namespace}"
        yield False, f"there is no namespace {namespace} at {api.host}: {create}"
        return
    problems = [
        *find_missing_objects(api, cluster),
        *find_full_quotas(api, settings, cluster),
        *find_refused_manifests(api, cluster, files or {}),
    ]
    if not may_create:
        problems.append(
            f"you may not create jobs in the namespace {namespace}: ask the cluster's administrator"
        )
    yield from ((False, sentence) for sentence in problems)
    if not problems:
        yield True, f"the namespace {namespace} at {api.host} has everything that a run needs"
    if sentence := describe_gpu_nodes(api, settings, cluster):
        yield True, sentence


def find_missing_objects(api: KubernetesApi, cluster: Cluster) -> Iterator[str]:
    """Find the objects that deploy/cluster.yaml names and the namespace does not contain."""
    namespace, kubectl = cluster.namespace, f"kubectl -n {cluster.namespace}"
    for name, variables in cluster.secrets.items():
        secret = api.get("read_namespaced_secret", name, namespace)
        if secret is None:
            values = " ".join(f"--from-literal={key}=..." for key in variables)
            create = f"{kubectl} create secret generic {name} {values}"
            yield f"there is no secret {name} in the namespace {namespace}: {create}"
        elif secret is not UNKNOWN:
            data = secret.get("data") or {}
            for key in sorted(variables.keys() - data.keys()):
                yield (
                    f"the secret {name} has no key {key}, which {FILE} names under secrets; "
                    f"it has: {', '.join(sorted(data)) or 'none'}"
                )
    for name in cluster.pull_secrets:
        if api.get("read_namespaced_secret", name, namespace) is None:
            create = f"{kubectl} create secret docker-registry {name} --docker-server=..."
            yield f"there is no pull secret {name} in the namespace {namespace}: {create}"
    if volume := cluster.volume_claim:
        claim = api.get("read_namespaced_persistent_volume_claim", volume, namespace)
        if claim is None:
            yield (
                f"there is no volume claim {volume} in the namespace {namespace}: create it with "
                "access mode ReadWriteMany, because several pods write to it at once"
            )
        elif claim is not UNKNOWN and claim["status"].get("phase") == "Lost":
            yield f"the claim {volume} has lost its volume: {kubectl} describe pvc {volume}"
    account = cluster.service_account
    if account and api.get("read_namespaced_service_account", account, namespace) is None:
        create = f"{kubectl} create serviceaccount {account}"
        yield f"there is no service account {account} in the namespace {namespace}: {create}"


def find_full_quotas(api: KubernetesApi, settings: BaseSettings, cluster: Cluster) -> Iterator[str]:
    """Find the quotas that leave too little for the stage with the largest request."""
    quotas = api.get("list_namespaced_resource_quota", cluster.namespace)
    for quota in [] if quotas in (None, UNKNOWN) else quotas["items"]:
        spec, status = quota.get("spec", {}), quota.get("status", {})
        if "scopes" in spec or "scopeSelector" in spec:  # a quota for some pods only
            continue
        for key, text in status.get("hard", {}).items():
            limit, used = parse_amount(text), parse_amount(status.get("used", {}).get(key, "0"))
            stage, needed = find_largest_stage(key, settings, cluster)
            if limit is None or used is None or needed <= limit - used:
                continue
            advice = "wait until other pods have ended, or ask for a larger quota"
            if needed > limit:
                advice = "ask for a larger quota, or lower resources in the profile"
            yield (
                f"the quota {quota['metadata']['name']} of the namespace {cluster.namespace} "
                f"leaves {_format_amount(key, limit - used)} of {_format_amount(key, limit)} "
                f"{key}, but {stage} needs {_format_amount(key, needed)}: {advice}"
            )


def find_largest_stage(key: str, settings: BaseSettings, cluster: Cluster) -> tuple[str, Decimal]:
    """Find the stage that needs most of a quota's resource, such as limits.memory, and how much.

    Counts all pods of a stage: as many as `nodes` in its section, otherwise one.
    """
    counted = key.removeprefix("requests.").removeprefix("limits.")

    def measure(stage: str, request: Resources) -> Decimal:
        amounts = {
            "cpu": request.cpu,
            "memory": request.memory_mb * MIB,
            cluster.gpu_type: request.gpu,
            "pods": 1,
        }
        return Decimal(count_nodes(settings, stage) * amounts.get(counted, 0))

    requests = {stage: Resources() for stage in load_pipeline()} | settings.resources
    amount, stage = max((measure(stage, request), stage) for stage, request in requests.items())
    return stage, amount


def _format_amount(key: str, number: Decimal) -> str:
    return f"{int(number) // MIB}Mi" if key.endswith("memory") else f"{number.normalize():f}"


def describe_gpu_nodes(api: KubernetesApi, settings: BaseSettings, cluster: Cluster) -> str | None:
    """Say how many nodes could run the stage with the most GPUs.

    Returns None if no stage has a GPU, or this user may not list nodes.
    """
    stage, needed = max(
        ((name, request.gpu) for name, request in settings.resources.items()),
        key=lambda pair: pair[1],
        default=("", 0),
    )
    labels = ",".join(f"{key}={value}" for key, value in cluster.node_selector.items())
    nodes: Any = api.get("list_node", label_selector=labels) if needed else UNKNOWN
    if nodes in (None, UNKNOWN):
        return None
    allocatable = [node.get("status", {}).get("allocatable", {}) for node in nodes["items"]]
    offers = [parse_amount(amounts.get(cluster.gpu_type, "0")) for amounts in allocatable]
    count = sum(1 for offer in offers if offer is not None and offer >= needed)
    request = f"{needed} {cluster.gpu_type}" + (f" and the labels {labels}" if labels else "")
    if not count:
        return f"no node has {request} now: {stage} waits until one is added"
    return f"{count} of the nodes have {request}, for {stage}"


def find_refused_manifests(api: KubernetesApi, cluster: Cluster, files: Files) -> Iterator[str]:
    """Find the manifests that Kubernetes would refuse, by a dry run on the server."""
    for stem, documents in files.items():
        for document in documents:
            if refusal := api.find_refusal(document, cluster.namespace):
                name = document["metadata"]["name"]
                yield f"{stem}.yaml: Kubernetes would refuse {document['kind']} {name}: {refusal}"
