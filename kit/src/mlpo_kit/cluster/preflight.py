"""Check that a run could start, before anything is created: `make preflight`.

Checks the project's files, the store, the model registry, Kubernetes and the image's registry, from
this machine and with this user's credentials. Reports all problems at once.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Collection, Iterator
from functools import partial

import requests

from mlpo_kit.cluster import image, image_registry
from mlpo_kit.cluster.description import FILE, Cluster, find_examples
from mlpo_kit.cluster.manifests import Files
from mlpo_kit.cluster.namespace import Answer, ask_kubernetes
from mlpo_kit.config.settings import REGISTRY_VARIABLE, BaseSettings
from mlpo_kit.errors import PipelineError, find_root_cause
from mlpo_kit.store import open_store

SECONDS = 5  # to wait for an answer


def find_obstacles(
    settings: BaseSettings,
    cluster: Cluster,
    skip: Collection[str] = (),
    files: Files | None = None,
) -> list[str]:
    """Find why a run could not start: a sentence for each reason, with the fix.

    The arguments are those of `ask_all`.
    """
    return [sentence for fine, sentence in ask_all(settings, cluster, skip, files) if not fine]


def ask_all(
    settings: BaseSettings,
    cluster: Cluster,
    skip: Collection[str] = (),
    files: Files | None = None,
) -> Iterator[Answer]:
    """Run all checks in QUESTIONS except `skip`; yields for each whether it passed, and a sentence.

    Kubernetes also checks whether it would accept the manifests in `files`.
    """
    questions = QUESTIONS | {"kubernetes": partial(ask_kubernetes, files=files)}
    for name, question in questions.items():
        if name in skip or (name == "kubernetes" and settings.compute != "kubernetes"):
            continue
        try:
            yield from question(settings, cluster)
        except PipelineError as error:
            yield False, str(error)


def ask_files(settings: BaseSettings, cluster: Cluster) -> Iterator[Answer]:
    """Check that the project's files have no example values and pin the base image."""
    for place, value in find_examples(cluster, settings).items():
        yield False, f"{place} is an example, {value}: name your own"
    base = image.read_base_image()
    if "@sha256:" not in base:
        yield (
            False,
            f"deploy/base-image names {base} without a digest, so its content may change: "
            "`make image` pins it; commit the file",
        )


def ask_store(settings: BaseSettings, cluster: Cluster) -> Iterator[Answer]:
    """Check that this user may write to the store."""
    if not settings.is_remote or _is_example("storage_root in the profile", settings, cluster):
        return  # only pods mount the volume; `ask_files` reports an example
    key = f"preflight/{uuid.uuid4().hex}"
    store = open_store(settings)
    store.write(key, b"may this be written?\n")
    store.delete([key])
    yield True, f"the store at {settings.storage_root} can be written"


def ask_registry(settings: BaseSettings, cluster: Cluster) -> Iterator[Answer]:
    """Check that the MLflow server answers this user."""
    uri = (os.environ.get(REGISTRY_VARIABLE) or cluster.mlflow_uri).rstrip("/")
    if _is_example(f"mlflow_uri in {FILE}", settings, cluster) and uri == cluster.mlflow_uri:
        return
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    try:
        answer = requests.get(
            f"{uri}/api/2.0/mlflow/experiments/search",
            params={"max_results": "1"},
            headers={"Authorization": f"Bearer {token}"} if token and not user else {},
            auth=(user, password) if user else None,
            timeout=SECONDS,
        )
    except requests.RequestException as error:
        raise PipelineError(
            f"the model registry at {uri} can't be reached: {find_root_cause(error)}. If only pods "
            f"can reach it there, set {REGISTRY_VARIABLE} to an address for this machine"
        ) from None
    if answer.status_code in (401, 403):
        raise PipelineError(
            f"the model registry at {uri} refuses access: set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if not answer.ok:
        raise PipelineError(
            f"the server at {uri} is not an MLflow server: {answer.status_code} {answer.reason}"
        )
    yield True, f"the model registry at {uri} answers"


def ask_image(settings: BaseSettings, cluster: Cluster) -> Iterator[Answer]:
    """Check that the image with the current code is in its registry."""
    if _is_example(f"image in {FILE}", settings, cluster):
        return
    name = image.name_image(cluster)
    image_registry.check_image(name)
    yield True, f"the image {name} is in its registry"


def _is_example(place: str, settings: BaseSettings, cluster: Cluster) -> bool:
    return place in find_examples(cluster, settings)


Question = Callable[[BaseSettings, Cluster], Iterator[Answer]]
QUESTIONS: dict[str, Question] = {
    "files": ask_files,
    "store": ask_store,
    "registry": ask_registry,
    "kubernetes": ask_kubernetes,
    "image": ask_image,
}
