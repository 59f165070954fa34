"""Check whether a run could start on the cluster: the kit's checks, and those for ZenML."""

from __future__ import annotations

import os
from collections.abc import Collection

from yaml import YAMLError

from mlpo_kit.cluster.kubernetes_api import KubernetesApi, make_configuration_error
from mlpo_kit.cluster.preflight import find_obstacles
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.zenml.cluster import ZenmlCluster, name_account


def find_all_obstacles(
    settings: BaseSettings, cluster: ZenmlCluster, skip: Collection[str] = ()
) -> list[str]:
    """Return a sentence for each reason why no run could start; `skip` names checks to omit."""
    obstacles = find_obstacles(settings, cluster, skip)
    groups = {"kubernetes": (_check_context, _check_account), "store": (_check_artifact_store,)}
    for check in (check for name, checks in groups.items() if name not in skip for check in checks):
        try:
            check(settings, cluster)
        except PipelineError as error:
            obstacles.append(str(error))
    return list(dict.fromkeys(obstacles))  # two checks may fail for the same reason


def find_context() -> str:
    """Return kubectl's current context, which names the cluster to use."""
    from kubernetes import config

    try:
        file = os.environ.get("KUBECONFIG") or None
        return str(config.list_kube_config_contexts(file)[1]["name"])
    except (config.ConfigException, YAMLError, OSError) as error:
        raise make_configuration_error(error) from None


def _check_context(_: BaseSettings, cluster: ZenmlCluster) -> None:
    wanted, current = cluster.zenml.kubernetes_context, find_context()
    if wanted not in (None, current):
        raise PipelineError(
            f"kubectl uses the context {current}, but deploy/cluster.yaml names {wanted}: "
            f"run kubectl config use-context {wanted}"
        )


def _check_account(settings: BaseSettings, cluster: ZenmlCluster) -> None:
    name, space = name_account(cluster, settings), cluster.namespace
    if cluster.service_account:  # checked by find_obstacles
        return
    if KubernetesApi().get("read_namespaced_service_account", name, space) is None:
        raise PipelineError(
            f"there is no service account {name} in the namespace {space}: run `make manifests`, "
            "then kubectl apply -f build/manifests/rbac.yaml"
        )


def _check_artifact_store(_: BaseSettings, cluster: ZenmlCluster) -> None:
    from mlpo_kit.store.bucket import BucketStore  # takes half a second to import

    try:
        BucketStore(cluster.zenml.artifact_store, 0)  # raises if the bucket can't be used
    except PipelineError as error:
        raise PipelineError(f"zenml.artifact_store of deploy/cluster.yaml: {error}") from None
