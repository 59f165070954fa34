"""Read deploy/cluster.yaml, which describes the cluster for every orchestrator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, PositiveInt, TypeAdapter, ValidationError

from mlpo_kit.cluster.mistakes import describe_mistakes
from mlpo_kit.config.documents import parse_yaml
from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import Resources, section
from mlpo_kit.config.settings import REGISTRY_VARIABLE, BaseSettings
from mlpo_kit.errors import PipelineError


def match(pattern: str, words: str) -> AfterValidator:
    """Make a validator for texts that match `pattern`; `words` describe them in its message."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not a valid {words}")
        return text

    return AfterValidator(check)


Name = Annotated[
    str,
    match(
        "[a-z0-9]([-a-z0-9.]*[a-z0-9])?",
        "name in Kubernetes: small letters, digits, dashes and dots",
    ),
]
Namespace = Annotated[
    str,
    match(
        "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
        "namespace: at most 63 small letters, digits and dashes",
    ),
]
Variable = Annotated[
    str, match("[A-Za-z_][A-Za-z0-9_]*", "name of a variable: letters, digits and underscores")
]
ImageName = Annotated[
    str,
    match(
        r"[\w.-]+(:\d+)?(/[\w.-]+)+",
        "name of an image without a tag, such as registry.example.org/team/pets",
    ),
]
WebAddress = Annotated[str, match("https?://.+", "address such as https://mlflow.example.org")]
C = TypeVar("C", bound="Cluster")
FILE = "deploy/cluster.yaml"


def _refuse_gpu(server: Resources) -> Resources:
    if server.gpu:
        raise ValueError("the model server runs on the CPU: remove gpu")
    return server


@section
class Toleration:
    """A Kubernetes toleration, which lets a task run on nodes with a taint."""

    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


@section
class Cluster:
    """The content of deploy/cluster.yaml: the cluster, and what all pods there have in common.

    Each orchestrator has a subclass with further fields.
    """

    image: ImageName  # without a tag
    device: Literal["cpu", "cuda"] = "cuda"  # the PyTorch in the image is built for it
    namespace: Namespace = "default"
    service_account: Name | None = None
    mlflow_uri: WebAddress  # the model registry
    variables: dict[Variable, str] = Field(default_factory=dict)  # such as AWS_ENDPOINT_URL
    secrets: dict[Name, dict[str, Variable]] = Field(default_factory=dict)  # name: {key: VARIABLE}
    pull_secrets: list[Name] = Field(default_factory=list)
    volume_claim: Name | None = None  # the claim of the store's volume, if storage_root is a path
    gpu_type: str = "nvidia.com/gpu"
    node_selector: dict[str, str] = Field(default_factory=dict)  # for tasks with a GPU
    tolerations: list[Toleration] = Field(  # for tasks with a GPU
        default_factory=lambda: [Toleration(key="nvidia.com/gpu")]
    )
    shared_memory_mb: PositiveInt = 8192  # /dev/shm of tasks with a GPU: NCCL needs it
    queue: Name | None = None  # Kueue's LocalQueue
    ttl_seconds: PositiveInt = 86400  # how long a finished job is kept
    replicas: PositiveInt = 2  # of the model server
    server: Annotated[Resources, AfterValidator(_refuse_gpu)] = Resources(
        cpu=1, memory_mb=2048
    )  # of each replica

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every container by name, without those from secrets."""
        return {REGISTRY_VARIABLE: self.mlflow_uri, **self.variables}

    @property
    def prune_secrets(self) -> dict[str, dict[str, str]]:
        """Optional secrets that only the nightly prune gets, in the form of `secrets`."""
        return {}


def read_cluster(
    kind: type[C],
    settings: BaseSettings | None = None,
    device: str | None = None,
    ignore_unknown: bool = False,
) -> C:
    """Read deploy/cluster.yaml as a `kind`: `Cluster`, or an orchestrator's subclass.

    `device` replaces the device in the file. `ignore_unknown` ignores names that `kind` does not
    have, because they may be an orchestrator's. With the `settings` of a profile, checks that they
    fit a cluster. Raises PipelineError that lists all problems, by line.
    """
    try:
        text = (find_project().root / FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise PipelineError(f"{FILE} can't be read: {error}") from None
    document = parse_yaml(text, FILE)
    paragraphs, mistakes, cluster = [], list[str](), None
    if device is not None:
        document["device"] = device
    if ignore_unknown:
        known = {field.name for field in fields(kind)}
        document = {name: value for name, value in document.items() if name in known}
    try:
        cluster = TypeAdapter(kind).validate_python(document)
    except ValidationError as error:
        mistakes = describe_mistakes(error, kind, text, FILE)
        paragraphs += ["\n  ".join([f"{FILE} is wrong:", *mistakes])]
    misfits = [] if settings is None else find_misfits(settings, document.get("volume_claim"))
    if misfits:
        paragraphs += ["\n  ".join(["this profile does not fit a cluster:", *misfits])]
    if cluster is None or paragraphs:
        raise PipelineError("\n".join(paragraphs), [*mistakes, *misfits])
    return cluster


def find_misfits(settings: BaseSettings, volume_claim: object) -> list[str]:
    """Find the settings that can't work on a cluster, where stages share no local disk."""
    misfits = []
    if settings.compute == "local":
        misfits.append("compute is local: set compute: kubernetes, as configs/cluster.yaml does")
    if not settings.is_remote and not settings.storage_root.startswith("/"):
        misfits.append(
            f"storage_root is {settings.storage_root}, a folder of this machine: set it to a "
            "bucket (s3://...), or to the absolute path where every stage mounts a shared volume"
        )
    elif not settings.is_remote and volume_claim is None:
        misfits.append(
            f"storage_root is the path {settings.storage_root}: name the claim of the volume that "
            f"is mounted there in volume_claim of {FILE}"
        )
    return misfits


def find_examples(cluster: Cluster, settings: BaseSettings) -> dict[str, str]:
    """Find the example values of a new project that were not replaced yet, by name and file.

    Also finds those of the orchestrator, such as `zenml.server in deploy/cluster.yaml`.
    """
    document = TypeAdapter(type(cluster)).dump_python(cluster)
    places = {f"{name} in {FILE}": text for name, text in _list_texts(document)}
    places["storage_root in the profile"] = settings.storage_root
    return {
        place: text
        for place, text in places.items()
        if "example.com" in text or "//example-bucket" in text
    }


def _list_texts(document: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """List the dotted name and the text of each text in a document."""
    if isinstance(document, str):
        yield prefix, document
    elif isinstance(document, dict | list):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        for name, value in items:
            yield from _list_texts(value, f"{prefix}.{name}".lstrip("."))


def check_filled_in(cluster: Cluster, settings: BaseSettings) -> None:
    """Raise PipelineError as long as example values of a new project were not replaced."""
    left = [f"  {place}: {text}" for place, text in find_examples(cluster, settings).items()]
    if left:
        raise PipelineError("\n".join(["these are examples, name your own:", *left]))
