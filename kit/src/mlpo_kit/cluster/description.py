"""The cluster, as deploy/cluster.yaml describes it, for whichever orchestrator."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import Field, PositiveInt, TypeAdapter, ValidationError

from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import Resources, section
from mlpo_kit.config.settings import REGISTRY_VARIABLE, BaseSettings, describe_errors
from mlpo_kit.errors import PipelineError

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]  # of Kubernetes
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
C = TypeVar("C", bound="Cluster")


@section
class Toleration:
    """Lets a task onto nodes that keep others away."""

    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


@section
class Cluster:
    """What the cluster offers, and what everything that runs there gets."""

    image: Annotated[str, Field(pattern=r"^[\w.-]+(:\d+)?(/[\w.-]+)+$")]  # without a tag
    device: Literal["cpu", "cuda"] = "cuda"  # whose PyTorch the image holds
    namespace: Namespace = "default"
    service_account: Name | None = None
    mlflow_uri: Annotated[str, Field(pattern="^https?://.+$")]  # the registry
    variables: dict[Variable, str] = Field(default_factory=dict)  # such as AWS_ENDPOINT_URL
    secrets: dict[Name, dict[str, Variable]] = Field(default_factory=dict)  # name: {key: VARIABLE}
    pull_secrets: list[Name] = Field(default_factory=list)
    volume_claim: Name | None = None  # holds the store where storage_root is a path
    gpu_type: str = "nvidia.com/gpu"
    node_selector: dict[str, str] = Field(default_factory=dict)  # of the tasks with a GPU
    tolerations: list[Toleration] = Field(  # of the tasks with a GPU
        default_factory=lambda: [Toleration(key="nvidia.com/gpu")]
    )
    shared_memory_mb: PositiveInt = 8192  # /dev/shm of the tasks with a GPU: NCCL needs it
    queue: Name | None = None  # Kueue's LocalQueue
    ttl_seconds: PositiveInt = 86400  # that a finished job is kept
    replicas: PositiveInt = 2  # of the model server
    server: Resources = Resources(cpu=1, memory_mb=2048)  # of each of them

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every container, but for those from secrets."""
        return {REGISTRY_VARIABLE: self.mlflow_uri, **self.variables}

    @property
    def prune_secrets(self) -> dict[str, dict[str, str]]:
        """Secrets as in `secrets` that the nightly prune gets besides, where they are there."""
        return {}


def read_cluster(
    kind: type[C],
    settings: BaseSettings | None = None,
    device: str | None = None,
    others: bool = False,
) -> C:
    """Read the description; raises PipelineError that names all that is wrong.

    With the settings of a profile, also where they do not fit a cluster. With `others`, names that
    `kind` does not have are somebody else's: an orchestrator's.
    """
    try:
        path = find_project().root / "deploy" / "cluster.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if device is not None and isinstance(document, dict):
            document["device"] = device
        if others and isinstance(document, dict):
            known = {field.name for field in fields(kind)}
            document = {name: value for name, value in document.items() if name in known}
        cluster = TypeAdapter(kind).validate_python(document)
    except (OSError, yaml.YAMLError) as error:
        raise PipelineError(f"deploy/cluster.yaml can't be read: {error}") from None
    except ValidationError as error:
        problems = ["deploy/cluster.yaml is wrong:", *describe_errors(error)]
        raise PipelineError("\n  ".join(problems)) from None
    if settings is not None and (found := _find_misfits(cluster, settings)):
        raise PipelineError("\n  ".join(["this profile does not fit a cluster:", *found]))
    return cluster


def _find_misfits(cluster: Cluster, settings: BaseSettings) -> list[str]:
    """What of a profile could not work where the stages share no disk."""
    found = []
    if settings.compute == "local":
        found.append("compute is local: say compute: kubernetes, as configs/cluster.yaml does")
    if not settings.is_remote and not settings.storage_root.startswith("/"):
        found.append(
            f"storage_root is {settings.storage_root}, a folder of this machine: it is a bucket "
            "(s3://...), or the absolute path where all mount a shared volume"
        )
    elif not settings.is_remote and cluster.volume_claim is None:
        found.append(
            f"storage_root is the path {settings.storage_root}: name the volume there in "
            "volume_claim of deploy/cluster.yaml"
        )
    if cluster.server.gpu:
        found.append("server of deploy/cluster.yaml asks for a GPU: it computes on the CPU")
    return found


def find_examples(cluster: Cluster, settings: BaseSettings) -> dict[str, str]:
    """The examples of a new project that are still in it, by their place."""
    places = {
        "image in deploy/cluster.yaml": cluster.image,
        "mlflow_uri in deploy/cluster.yaml": cluster.mlflow_uri,
        "storage_root in the profile": settings.storage_root,
    }
    return {
        place: value
        for place, value in places.items()
        if "example.com" in value or "//example-bucket" in value
    }


def check_filled_in(cluster: Cluster, settings: BaseSettings) -> None:
    """Raise PipelineError while the examples of a new project are still in it."""
    left = [f"  {place}: {value}" for place, value in find_examples(cluster, settings).items()]
    if left:
        raise PipelineError("\n".join(["these are examples, name your own:", *left]))
