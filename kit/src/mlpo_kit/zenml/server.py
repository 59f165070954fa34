"""The ZenML server of a cluster: asked who we are there before ZenML is imported.

It is reached with the key of a service account in ZENML_STORE_API_KEY, at ZENML_STORE_URL or, where
that says nothing, where deploy/cluster.yaml says. What ZenML notes meanwhile is gone afterwards.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError, find_root_cause
from mlpo_kit.zenml.cluster import SERVER_KEY as KEY
from mlpo_kit.zenml.cluster import find_cluster
from mlpo_kit.zenml.environment import use_server

if TYPE_CHECKING:
    from zenml.client import Client

URL = "ZENML_STORE_URL"
SECONDS = 10  # to wait for an answer


@contextmanager
def connect(settings: BaseSettings) -> Iterator[Client]:
    """Log in to the server and yield ZenML's client; import the rest of ZenML inside.

    Raises PipelineError where there is no server, it does not answer, or not to us.
    """
    # In a pod the variable is set, and no description is there to be read.
    url = (os.environ.get(URL) or find_cluster(settings).zenml.server).rstrip("/")
    key = check_server(url, os.environ.get(KEY))
    with tempfile.TemporaryDirectory(prefix="zenml-") as home:
        use_server(Path(home), find_project().root, url, key)
        from zenml.client import Client
        from zenml.exceptions import ZenMLBaseException

        try:
            client = Client()
            _ = client.active_project  # the first question that is asked as somebody
        except (ZenMLBaseException, RuntimeError, requests.RequestException) as error:
            raise PipelineError(
                f"ZenML's server at {url} is of no use: {find_root_cause(error)}"
            ) from None
        yield client


def check_server(url: str, key: str | None) -> str:
    """Return the key, once the server has taken it.

    Raises PipelineError where it does not, is of another version, or is no ZenML server.
    """
    if not url.startswith(("http://", "https://")):
        raise PipelineError(f"{URL} is {url}, and no server: http://...")
    if not key:
        raise PipelineError(
            f"{KEY} is not set: whoever runs ZenML's server at {url} makes one with "
            "`zenml service-account create`"
        )
    try:
        info = requests.get(f"{url}/api/v1/info", timeout=SECONDS)
        known = info.json()["version"] if info.ok else None
        login = {"grant_type": "zenml-api-key", "password": key}
        answer = requests.post(f"{url}/api/v1/login", data=login, timeout=SECONDS)
    except (ValueError, TypeError, KeyError):  # in an answer that is none of ZenML's
        known = None
    except requests.RequestException as error:
        raise PipelineError(
            f"ZenML's server at {url} can't be reached: {find_root_cause(error)}. If only pods "
            f"reach it there, say in {URL} how this machine does"
        ) from None
    if known is None:
        raise PipelineError(f"what answers at {url} is no ZenML server")
    if known != (ours := metadata.version("zenml")):
        raise PipelineError(
            f"ZenML's server at {url} is of version {known}, and ZenML here of {ours}: upgrade the "
            "one that is older"
        )
    if answer.status_code in (401, 403):
        raise PipelineError(f"ZenML's server at {url} does not take the key in {KEY}")
    if not answer.ok:
        raise PipelineError(f"ZenML's server at {url} answers {answer.status_code} to the key")
    return key
