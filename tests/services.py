"""What a team's cluster has besides its machines: an MLflow server, and a place for wheels."""

from __future__ import annotations

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import free_port, wait_for
from support import EXAMPLES

LOCK = EXAMPLES.parent / "scaffolds" / "metaflow" / "requirements.lock"


@contextmanager
def mlflow(folder: Path, host: str) -> Iterator[str]:
    """A real MLflow server of the version that projects have, in an environment of its own.

    Everything is kept in `folder`: it deals artifacts out itself. Yields its URL.
    """
    (version,) = re.findall(r"^mlflow-skinny==(\S+)", LOCK.read_text(), re.MULTILINE)
    python = folder / "venv" / "bin" / "python"
    uv = [sys.executable, "-m", "uv", "-q"]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(folder / "venv")], check=True)
    subprocess.run(
        [*uv, "pip", "install", "--python", str(python), f"mlflow=={version}"], check=True
    )
    port = free_port(host)
    command = [str(python.with_name("mlflow")), "server", "--host", host, "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    # It would answer to no name but its own.
    command += ["--allowed-hosts", "*"]
    url = f"http://{host}:{port}"
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for(lambda: _answers(f"{url}/health"), "MLflow")
        yield url
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


@contextmanager
def wheels(host: str) -> Iterator[str]:
    """What pip needs to be told in a container to find what it finds here in a folder."""
    folder = os.environ.get("PIP_FIND_LINKS", "")
    if not Path(folder or "none").is_dir():
        yield ""
        return
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer((host, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"[global]\nfind-links = http://{host}:{server.server_port}/\n"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
