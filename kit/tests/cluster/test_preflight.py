"""The preflight reports why a run could not start, before anything is created."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.samples import make_cluster, make_settings
from cluster.services import ACCESS, Services, configure, serving
from mlpo_kit.cluster import image
from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.preflight import ask_all, find_obstacles
from mlpo_kit.cluster.workloads import render_workloads
from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import load_settings

CLOSED = "http://127.0.0.1:1"
SEARCH = "/api/2.0/mlflow/experiments/search"


def make_bucket_settings(**changes: Any) -> Any:
    """Settings whose store is a bucket."""
    return make_settings(**{"storage_root": "s3://bucket/digits", **changes})


@pytest.fixture(scope="module")
def served() -> Iterator[Services]:
    """Services at one address for all tests, because the bucket's client remembers the address."""
    services = Services()
    with serving(services):
        yield services


@pytest.fixture
def services(
    served: Services, toy: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Services:
    """Services that have everything that a run needs, and a user who is logged in."""
    served.have_all()
    configure(tmp_path, served.url)
    for name, value in {
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "DOCKER_CONFIG": str(tmp_path),
        "AWS_ENDPOINT_URL": served.url,
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("URI", "TOKEN", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name in ("KUBERNETES_SERVICE_HOST", "AWS_PROFILE", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    return served


@pytest.mark.slow
def test_a_preflight_without_problems_leaves_nothing_behind(
    services: Services, toy: Project
) -> None:
    written = {
        "image": services.cluster().image,
        "namespace": "team",
        "mlflow_uri": services.url,
        "secrets": {"s3": {"key": "KEY"}},
        "of_the_orchestrator": 1,
    }
    (toy.root / "deploy" / "cluster.yaml").write_text(json.dumps(written))
    (toy.configs / "team.yaml").write_text(
        "compute: kubernetes\nstorage_root: s3://bucket/digits\n"
    )
    settings = load_settings("team")
    cluster = read_cluster(Cluster, settings, ignore_unknown=True)
    there = set(services.documents)
    files = render_workloads(settings, cluster, "team")
    answers = list(ask_all(settings, cluster, files=files))
    assert answers == [
        (True, "the store at s3://bucket/digits can be written"),
        (True, f"the model registry at {services.url} answers"),
        (True, f"the namespace team at {services.url} has everything that a run needs"),
        (True, f"the image {image.name_image(services.cluster())} is in its registry"),
    ]
    assert set(services.documents) == there
    changes = {one for one in services.asked if not one.startswith(("GET", "HEAD", "PATCH"))}
    (probe,) = (one for one in changes if one.startswith("PUT /bucket/digits/preflight/"))
    assert changes == {f"POST {ACCESS}", probe, "POST /bucket"}


def test_all_problems_are_reported_at_once(
    services: Services, toy: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", CLOSED)
    configure(tmp_path, CLOSED)
    (toy.root / "deploy" / "base-image").write_text("python:3.11\n")
    settings = make_settings(storage_root="s3://nobody/digits")
    wrong = services.cluster(image="127.0.0.1:1/team/digits")
    assert [sentence.partition(":")[0] for sentence in find_obstacles(settings, wrong)] == [
        "deploy/base-image names python",
        "there is no bucket 'nobody'",
        "the model registry at http",
        "Kubernetes at http",
        "the registry 127.0.0.1",
    ]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "is not an MLflow server: 404"),
        (401, "refuses access: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or"),
    ],
)
def test_a_model_registry_that_does_not_answer(status: int, words: str, services: Services) -> None:
    services.refused[SEARCH] = status
    (problem,) = find_obstacles(make_bucket_settings(), services.cluster())
    assert words in problem


@pytest.mark.slow
def test_the_model_registry_gets_the_users_credentials(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variables, sent in (
        ({"TOKEN": "secret"}, "Bearer secret"),
        ({"USERNAME": "me", "PASSWORD": "secret"}, "Basic bWU6c2VjcmV0"),
    ):
        for name, value in variables.items():
            monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
        assert find_obstacles(make_bucket_settings(), services.cluster()) == []
        assert services.sent[SEARCH] == sent


@pytest.mark.parametrize(("status", "words"), [(403, "refuses access"), (404, "no bucket")])
def test_a_store_that_refuses_writing(status: int, words: str, services: Services) -> None:
    services.refused["/locked"] = status
    asked = make_settings(storage_root=f"s3://locked/{status}")
    (problem,) = find_obstacles(asked, services.cluster())
    assert words in problem


def test_kubernetes_is_not_checked_for_batch_and_checks_can_be_skipped(services: Services) -> None:
    services.documents.clear()
    services.documents["/bucket"] = {}
    batch = make_settings(compute="batch", storage_root="s3://bucket/digits")
    assert len(find_obstacles(batch, services.cluster())) == 2
    assert find_obstacles(batch, services.cluster(), skip=("image", "registry")) == []
    assert not [one for one in services.asked if "/api/v1" in one or "/apis" in one]


def test_example_values_are_reported_and_not_contacted(services: Services) -> None:
    settings = make_settings(storage_root="s3://example-bucket/digits")
    fresh = make_cluster(image="registry.example.com/d", mlflow_uri="http://mlflow.example.com")
    problems = find_obstacles(settings, fresh, skip=["kubernetes"])
    assert [one.partition(" in ")[0] for one in problems] == ["image", "mlflow_uri", "storage_root"]
    assert services.asked == []
