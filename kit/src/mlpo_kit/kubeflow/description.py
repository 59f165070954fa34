"""The cluster as deploy/cluster.yaml describes it, with what is Kubeflow's own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PositiveInt

from mlpo_kit.cluster.description import Cluster, Name, match, read_cluster
from mlpo_kit.config.sections import section
from mlpo_kit.errors import PipelineError


@section
class KubeflowCluster(Cluster):
    """What the cluster offers, and what everything that runs there gets."""

    api: Annotated[
        str, match(r"(https?://.+)?", "URL such as http://ml-pipeline.kubeflow:8888")
    ] = ""  # of KFP, as its pods reach it
    runtime: Name = "torch-distributed"  # of Kubeflow Trainer, where train.nodes is more than 1
    volume_gib: PositiveInt = 100  # of the claim that `make manifests` writes for volume_claim
    storage_class: Name | None = None  # of it, if not the cluster's default; for ReadWriteMany


def read_kubeflow_cluster(settings: Any) -> KubeflowCluster:
    """Read the description; raises PipelineError that names all that is wrong."""
    cluster = read_cluster(KubeflowCluster, settings)
    if settings.compute != "kubernetes":
        raise PipelineError(f"compute is {settings.compute}, and Kubeflow runs on kubernetes only")
    return cluster
