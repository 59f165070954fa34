"""A real ZenML server, with a service account for its client."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS = 180  # until it answers, on a busy machine


@contextmanager
def serving(environment: Path, folder: Path, host: str = "127.0.0.1") -> Iterator[dict[str, str]]:
    """Serve with an environment's ZenML; yield the variables that point to the server."""
    with socket.create_server((host, 0)) as listener:
        port = listener.getsockname()[1]
    settings = {
        "HOME": str(folder),
        "ZENML_CONFIG_PATH": str(folder / "config"),
        "ZENML_SERVER": "true",
        "ZENML_SERVER_AUTO_ACTIVATE": "true",
        "ZENML_ANALYTICS_OPT_IN": "false",
        "ZENML_DEFAULT_USER_NAME": "admin",
        "ZENML_DEFAULT_USER_PASSWORD": "secret",
    }
    app = "zenml.zen_server.zen_server_api:app"
    command = [str(environment / "bin" / "uvicorn"), app, "--host", host, "--port", str(port)]
    url = f"http://{host}:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], **settings},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + SECONDS
        while not _answers(url):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, "ZenML's server does not answer"
            time.sleep(0.2)
        yield {"ZENML_STORE_URL": url, "ZENML_STORE_API_KEY": _key(f"{url}/api/v1")}
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def _key(api: str) -> str:
    """The key of a new service account."""
    login = urllib.parse.urlencode({"username": "admin", "password": "secret"}).encode()
    with urllib.request.urlopen(f"{api}/login", data=login, timeout=30) as answer:
        token = json.load(answer)["access_token"]
    account = _post(f"{api}/service_accounts", token, {"name": "tests", "active": True})
    keys = f"{api}/service_accounts/{account['id']}/api_keys"
    made: str = _post(keys, token, {"name": "tests"})["body"]["key"]
    return made


def _post(url: str, token: str, document: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(document).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
