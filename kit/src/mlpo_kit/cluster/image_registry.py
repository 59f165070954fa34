"""Whether an image is in its registry, asked as a node would ask."""

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
Credentials = tuple[str, str]
Signed = Callable[[PreparedRequest], PreparedRequest]


def check(image: str) -> None:
    """Raise PipelineError unless the image is there and this user may pull it."""
    host, repository, tag = parse(image)
    local = host.partition(":")[0] in ("localhost", "127.0.0.1")
    url = f"{'http' if local else 'https'}://{host}/v2/{repository}/manifests/{tag}"
    known = credentials(host)
    try:
        answer = _head(url, _unsigned)
        if answer.status_code == 401:
            challenge = answer.headers.get("WWW-Authenticate", "")
            answer = _head(url, _sign(challenge, known))
    except requests.RequestException as error:
        raise PipelineError(
            f"the registry {host} can't be asked for the image {image}: {find_root_cause(error)}. Where "
            "only the cluster reaches it, leave that out: make preflight ARGS='--skip image'"
        ) from None
    if answer.status_code == 404:
        raise PipelineError(f"{image} was not pushed: `make image push` builds and pushes it")
    if answer.status_code in (401, 403):
        raise PipelineError(
            f"the registry {host} does not let {known[0] if known else 'everybody'} pull {image}: "
            f"`docker login {host}` here, and a pull secret for the cluster; or it was not pushed"
        )
    if not answer.ok:
        raise PipelineError(
            f"the registry {host} answers {answer.status_code} {answer.reason} for {image}"
        )


def parse(image: str) -> tuple[str, str, str]:
    """The registry, the repository and the tag of an image's name."""
    name, _, tag = image.rpartition(":")
    host, _, repository = name.partition("/")
    if "." not in host and ":" not in host and host != "localhost":
        return HUB, name, tag
    return (HUB if host == "docker.io" else host), repository, tag


def credentials(host: str) -> Credentials | None:
    """Who `docker login` says this user is there; None where nobody logged in."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        hosts = ["https://index.docker.io/v1/", "docker.io"] if host == HUB else [host]
        hosts += [f"https://{host}", f"https://{host}/v2/"]
        for name in hosts:
            if (helper := config.get("credHelpers", {}).get(name) or config.get("credsStore")) and (
                found := _from_helper(helper, name)
            ):
                return found
            if text := config.get("auths", {}).get(name, {}).get("auth"):
                user, colon, password = base64.b64decode(text).decode().partition(":")
                return (user, password) if colon else None
    except (OSError, ValueError, AttributeError):  # no file, or one that is not docker's
        return None
    return None


def _from_helper(helper: str, host: str) -> Credentials | None:
    """What the program that keeps docker's passwords says."""
    if (program := shutil.which(f"docker-credential-{helper}")) is None:
        return None
    try:
        done = subprocess.run(
            [program, "get"], input=host.encode(), capture_output=True, check=False, timeout=SECONDS
        )
        found = json.loads(done.stdout)
        return str(found["Username"]), str(found["Secret"])
    except (subprocess.SubprocessError, ValueError, KeyError):
        return None


def _sign(challenge: str, known: Credentials | None) -> Signed:
    """What to put onto a request that was answered with this challenge."""
    kind, _, rest = challenge.partition(" ")
    said = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    if kind.lower() != "bearer" or "realm" not in said:
        return _basic(known) if known else _unsigned
    asked = {name: said[name] for name in ("service", "scope") if name in said}
    answer = requests.get(
        said["realm"],
        params=asked,
        auth=_basic(known) if known else _unsigned,
        timeout=SECONDS,
    )
    try:
        document: Any = answer.json() if answer.ok else {}
        token = document.get("token") or document.get("access_token")
    except (ValueError, AttributeError):
        token = None
    return _header(f"Bearer {token}") if token else _unsigned


def _basic(known: Credentials) -> Signed:
    return _header("Basic " + base64.b64encode(":".join(known).encode()).decode())


def _header(value: str) -> Signed:
    def signed(request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = value
        return request

    return signed


def _unsigned(request: PreparedRequest) -> PreparedRequest:
    """As it is: requests would else look into ~/.netrc."""
    return request


def _head(url: str, signed: Signed) -> Response:
    return requests.head(
        url,
        headers={"Accept": ", ".join(_TYPES)},
        auth=signed,
        timeout=SECONDS,
        allow_redirects=True,
    )
