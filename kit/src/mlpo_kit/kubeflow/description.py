"""The description of the cluster in deploy/cluster.yaml, with Kubeflow's own settings."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PositiveInt

from mlpo_kit.cluster.description import Cluster, Name, match, read_cluster
from mlpo_kit.config.sections import section
from mlpo_kit.errors import PipelineError


@section
class KubeflowCluster(Cluster):
    """The cluster with Kubeflow's settings."""

    api: Annotated[
        str, match(r"(https?://.+)?", "URL such as http://ml-pipeline.kubeflow:8888")
    ] = ""  # KFP's API, as pods reach it
    runtime: Name = "torch-distributed"  # Kubeflow Trainer's runtime, if train.nodes is above 1
    volume_gib: PositiveInt = 100  # size of the claim that `make manifests` writes
    storage_class: Name | None = None  # for that claim, ReadWriteMany; None: the cluster's default


def read_kubeflow_cluster(settings: Any) -> KubeflowCluster:
    """Read deploy/cluster.yaml; raises PipelineError that lists everything wrong with it."""
    cluster = read_cluster(KubeflowCluster, settings)
    if settings.compute != "kubernetes":
        raise PipelineError(f"compute is {settings.compute}, but Kubeflow runs on kubernetes only")
    return cluster
