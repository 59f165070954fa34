"""The check that an image is in its registry sends the requests that docker would send."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.services import Services, serving
from mlpo_kit.cluster import image
from mlpo_kit.cluster.image_registry import HUB, check_image, parse_image
from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError


@pytest.fixture
def services(toy: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """A registry that has the image, and a folder for docker's configuration."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    services = Services()
    with serving(services):
        services.have_all()
        yield services


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "was not pushed: `make image push` builds and pushes it"),
        (403, "does not let anonymous users pull"),
        (503, "answers 503 Service Unavailable for 127.0.0.1"),
    ],
)
def test_an_image_that_cannot_be_pulled(status: int, words: str, services: Services) -> None:
    name = image.name_image(services.cluster())
    (path,) = (one for one in services.documents if one.startswith("/v2/"))
    services.refused[path] = status
    with pytest.raises(PipelineError, match=words):
        check_image(name)


@pytest.mark.parametrize("bearer", [False, True])
def test_the_registry_gets_the_requests_and_logins_of_docker(
    bearer: bool, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = image.name_image(services.cluster())
    host = services.host
    known = base64.b64encode(b"me:secret").decode()
    services.users, services.bearer = {f"Basic {known}": "token"}, bearer
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {host: {"auth": known}}}))
    check_image(name)

    wrong = base64.b64encode(b"me:forgotten").decode()
    config.write_text(json.dumps({"auths": {host: {"auth": wrong}}}))
    with pytest.raises(PipelineError, match=f"does not let me pull .*`docker login {host}`"):
        check_image(name)

    helper = tmp_path / "docker-credential-test"
    answer = json.dumps({"Username": "me", "Secret": "secret"})
    helper.write_text(f"#!/bin/sh\nread host; test $host = {host} && echo '{answer}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    config.write_text(json.dumps({"auths": {host: {}}, "credsStore": "test"}))
    check_image(name)
    unreadable = json.dumps({"auths": {host: {"auth": "!"}}})
    for broken in ("{", "[]", '{"auths": []}', unreadable):
        config.write_text(broken)
        with pytest.raises(PipelineError, match="does not let anonymous users pull"):
            check_image(name)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("registry.test:5000/a/b:1", ("registry.test:5000", "a/b", "1")),
        ("ghcr.io/a/b:1", ("ghcr.io", "a/b", "1")),
        ("localhost/a:1", ("localhost", "a", "1")),
        ("team/digits:1", (HUB, "team/digits", "1")),
        ("docker.io/team/digits:1", (HUB, "team/digits", "1")),
    ],
)
def test_an_images_name_is_split_into_host_repository_and_tag(
    name: str, parts: tuple[str, str, str]
) -> None:
    assert parse_image(name) == parts
