"""Ask whether a run could start, before anything is made: `make preflight`. Managed by mlpo.

The files, the store, the registry of models, Kubernetes and the registry of the image are asked
from this machine, with who this user is there. All problems are named in one pass.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Callable, Collection, Iterator

import requests

from .. import settings
from ..settings import Settings
from . import image, image_registry, namespace
from .cluster import REGISTRY, Cluster, examples, read
from .errors import PipelineError, reason
from .namespace import Answer

SECONDS = 5  # to wait for an answer


def main(arguments: list[str] | None = None) -> int:
    """Ask, and say what was answered; returns the exit code: 0, or 1 if a run could not start."""
    parser = argparse.ArgumentParser(prog="make preflight", description="Could a run start?")
    parser.add_argument("--profile", default="cluster", help="a file of configs/, or a path")
    parser.add_argument(
        "--skip", action="append", default=[], choices=QUESTIONS, help="what not to ask"
    )
    chosen = parser.parse_args(arguments)
    try:
        config = settings.load(chosen.profile)
        answers = list(ask(config, read(Cluster, config, others=True), chosen.skip))
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    for fine, sentence in answers:
        if fine:
            print(f"fine: {sentence}")
    wrong = [sentence for fine, sentence in answers if not fine]
    if wrong:
        print("error: a run could not start:\n  - " + "\n  - ".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


def problems(settings: Settings, cluster: Cluster, skip: Collection[str] = ()) -> list[str]:
    """Why a run could not start, a sentence for each reason."""
    return [sentence for fine, sentence in ask(settings, cluster, skip) if not fine]


def ask(settings: Settings, cluster: Cluster, skip: Collection[str] = ()) -> Iterator[Answer]:
    """All questions but those of `skip`; each answer says whether that is fine, and what it is."""
    for name, question in QUESTIONS.items():
        if name in skip or (name == "kubernetes" and settings.compute != "kubernetes"):
            continue
        try:
            yield from question(settings, cluster)
        except PipelineError as error:
            yield False, str(error)


def files(settings: Settings, cluster: Cluster) -> Iterator[Answer]:
    """Whether the files of the project say what is yours, for good."""
    for place, value in examples(cluster, settings).items():
        yield False, f"{place} is an example, {value}: name your own"
    base = image.base_image()
    if "@sha256:" not in base:
        yield (
            False,
            f"deploy/base-image names {base} without a digest, so that its content may change: "
            "`make image` pins it; commit that",
        )


def store(settings: Settings, cluster: Cluster) -> Iterator[Answer]:
    """Whether this user may write to the store."""
    if not settings.is_remote or _is_example("storage_root", settings, cluster):
        return  # on a volume that only pods have; or files() says so
    key = f"preflight/{uuid.uuid4().hex}"
    settings.store.write(key, b"may this be written?\n")
    settings.store.delete([key])
    yield True, f"the store at {settings.storage_root} can be written"


def registry(settings: Settings, cluster: Cluster) -> Iterator[Answer]:
    """Whether the MLflow server answers, and to this user."""
    uri = (os.environ.get(REGISTRY) or cluster.mlflow_uri).rstrip("/")
    if _is_example("mlflow_uri", settings, cluster) and uri == cluster.mlflow_uri:
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
            f"the model registry at {uri} can't be reached: {reason(error)}. If "
            f"only pods reach it there, say in {REGISTRY} how this machine does"
        ) from None
    if answer.status_code in (401, 403):
        raise PipelineError(
            f"the model registry at {uri} refuses access: set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if not answer.ok:
        raise PipelineError(
            f"what answers at {uri} is no MLflow server: {answer.status_code} {answer.reason}"
        )
    yield True, f"the model registry at {uri} answers"


def pushed(settings: Settings, cluster: Cluster) -> Iterator[Answer]:
    """Whether the image of the code as it is now is in its registry."""
    if _is_example("image", settings, cluster):
        return
    name = image.name(cluster)
    image_registry.check(name)
    yield True, f"the image {name} is in its registry"


def _is_example(name: str, settings: Settings, cluster: Cluster) -> bool:
    return any(place.startswith(name) for place in examples(cluster, settings))


Question = Callable[[Settings, Cluster], Iterator[Answer]]
QUESTIONS: dict[str, Question] = {
    "files": files,
    "store": store,
    "registry": registry,
    "kubernetes": namespace.ask,
    "image": pushed,
}

if __name__ == "__main__":
    sys.exit(main())
