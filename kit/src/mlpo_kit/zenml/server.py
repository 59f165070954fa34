"""Connect to the ZenML server of a cluster; server and key are checked before ZenML is imported.

ZENML_STORE_API_KEY holds the key of a service account. The address is ZENML_STORE_URL or, if that
is not set, the one in deploy/cluster.yaml. ZenML's own files go to a temporary folder.
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

    Raises PipelineError if the server does not answer or does not accept the key.
    """
    # In a pod the variable is set, and there is no deploy/cluster.yaml.
    url = (os.environ.get(URL) or find_cluster(settings).zenml.server).rstrip("/")
    key = check_server(url, os.environ.get(KEY))
    with tempfile.TemporaryDirectory(prefix="zenml-") as home:
        use_server(Path(home), find_project().root, url, key)
        from zenml.client import Client
        from zenml.exceptions import ZenMLBaseException

        try:
            client = Client()
            _ = client.active_project  # the first request that needs the login
        except (ZenMLBaseException, RuntimeError, requests.RequestException) as error:
            raise PipelineError(
                f"ZenML's server at {url} can't be used: {find_root_cause(error)}"
            ) from None
        yield client


def check_server(url: str, key: str | None) -> str:
    """Check the server and the key, and return the key.

    Raises PipelineError if it is no ZenML server, has another version, or does not accept the key.
    """
    if not url.startswith(("http://", "https://")):
        raise PipelineError(f"{URL} is {url}, which is no server's address: http://...")
    if not key:
        raise PipelineError(
            f"{KEY} is not set: the administrator of ZenML's server at {url} can create a key with "
            "`zenml service-account create`"
        )
    try:
        info = requests.get(f"{url}/api/v1/info", timeout=SECONDS)
        server_version = info.json()["version"] if info.ok else None
        login = {"grant_type": "zenml-api-key", "password": key}
        answer = requests.post(f"{url}/api/v1/login", data=login, timeout=SECONDS)
    except (ValueError, TypeError, KeyError):  # the answer is not ZenML's
        server_version = None
    except requests.RequestException as error:
        raise PipelineError(
            f"ZenML's server at {url} can't be reached: {find_root_cause(error)}. If only pods "
            f"reach it there, set {URL} to its address for this machine"
        ) from None
    if server_version is None:
        raise PipelineError(f"the server at {url} is no ZenML server")
    if server_version != (version := metadata.version("zenml")):
        raise PipelineError(
            f"ZenML's server at {url} is of version {server_version}, but ZenML here is {version}: "
            "upgrade the older one"
        )
    if answer.status_code in (401, 403):
        raise PipelineError(f"ZenML's server at {url} does not take the key in {KEY}")
    if not answer.ok:
        raise PipelineError(f"ZenML's server at {url} answers {answer.status_code} to the key")
    return key
