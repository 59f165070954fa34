"""Check over HTTP that an image is in its registry, with the requests of a node that pulls it.

Uses the credentials that `docker login` has stored. The package oras 0.2.43 is no alternative: it
ignores DOCKER_CONFIG, uses a wrong address for Docker Hub, does not support registries with basic
authentication, and waits two minutes for a registry that can't be reached.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from requests import PreparedRequest, Response

from mlpo_kit.errors import PipelineError, find_root_cause

SECONDS = 5  # to wait for an answer
HUB = "registry-1.docker.io"
_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
Login = tuple[str, str]  # user and password
Sign = Callable[[PreparedRequest], PreparedRequest]


def check_image(image: str) -> None:
    """Raise PipelineError unless the image is in its registry and this user may pull it."""
    host, repository, tag = parse_image(image)
    local = host.partition(":")[0] in ("localhost", "127.0.0.1")
    url = f"{'http' if local else 'https'}://{host}/v2/{repository}/manifests/{tag}"
    login = read_login(host)
    try:
        answer = _head(url, _leave_unsigned)
        if answer.status_code == 401:
            challenge = answer.headers.get("WWW-Authenticate", "")
            answer = _head(url, _answer_challenge(challenge, login))
    except requests.RequestException as error:
        raise PipelineError(
            f"the registry {host} of the image {image} can't be reached: {find_root_cause(error)}. "
            "If only the cluster can reach it, skip this check: make preflight ARGS='--skip image'"
        ) from None
    if answer.status_code == 404:
        raise PipelineError(f"{image} was not pushed: `make image push` builds and pushes it")
    if answer.status_code in (401, 403):
        raise PipelineError(
            f"the registry {host} does not let {login[0] if login else 'anonymous users'} pull "
            f"{image}: run `docker login {host}` here and create a pull secret for the cluster, or "
            "push the image"
        )
    if not answer.ok:
        raise PipelineError(
            f"the registry {host} answers {answer.status_code} {answer.reason} for {image}"
        )


def parse_image(image: str) -> tuple[str, str, str]:
    """Split an image's name into its registry's host, the repository and the tag."""
    name, _, tag = image.rpartition(":")
    host, _, repository = name.partition("/")
    if "." not in host and ":" not in host and host != "localhost":
        return HUB, name, tag
    return (HUB if host == "docker.io" else host), repository, tag


def read_login(host: str) -> Login | None:
    """Read the user and password that `docker login` stored for a registry; None if it did not."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        hosts = ["https://index.docker.io/v1/", "docker.io"] if host == HUB else [host]
        hosts += [f"https://{host}", f"https://{host}/v2/"]
        for name in hosts:
            if (helper := config.get("credHelpers", {}).get(name) or config.get("credsStore")) and (
                login := _ask_helper(helper, name)
            ):
                return login
            if text := config.get("auths", {}).get(name, {}).get("auth"):
                user, colon, password = base64.b64decode(text).decode().partition(":")
                return (user, password) if colon else None
    except (OSError, ValueError, AttributeError):  # no file, or not in docker's format
        return None
    return None


def _ask_helper(helper: str, host: str) -> Login | None:
    """Ask docker's credential helper, such as docker-credential-pass, for a login."""
    if (program := shutil.which(f"docker-credential-{helper}")) is None:
        return None
    try:
        done = subprocess.run(
            [program, "get"], input=host.encode(), capture_output=True, check=False, timeout=SECONDS
        )
        answer = json.loads(done.stdout)
        return str(answer["Username"]), str(answer["Secret"])
    except (subprocess.SubprocessError, ValueError, KeyError):
        return None


def _answer_challenge(challenge: str, login: Login | None) -> Sign:
    """Return the function that authenticates a request after a 401 with this challenge.

    Fetches a token if the challenge asks for one.
    """
    kind, _, rest = challenge.partition(" ")
    parameters = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    if kind.lower() != "bearer" or "realm" not in parameters:
        return _sign_basic(login) if login else _leave_unsigned
    query = {name: parameters[name] for name in ("service", "scope") if name in parameters}
    answer = requests.get(
        parameters["realm"],
        params=query,
        auth=_sign_basic(login) if login else _leave_unsigned,
        timeout=SECONDS,
    )
    try:
        document: Any = answer.json() if answer.ok else {}
        token = document.get("token") or document.get("access_token")
    except (ValueError, AttributeError):
        token = None
    return _sign_header(f"Bearer {token}") if token else _leave_unsigned


def _sign_basic(login: Login) -> Sign:
    return _sign_header("Basic " + base64.b64encode(":".join(login).encode()).decode())


def _sign_header(value: str) -> Sign:
    def sign(request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = value
        return request

    return sign


def _leave_unsigned(request: PreparedRequest) -> PreparedRequest:
    """Return the request unchanged; without an `auth`, requests would read ~/.netrc."""
    return request


def _head(url: str, sign: Sign) -> Response:
    return requests.head(
        url,
        headers={"Accept": ", ".join(_TYPES)},
        auth=sign,
        timeout=SECONDS,
        allow_redirects=True,
    )
