"""Start the model server in a process of its own and send it requests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import requests

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.parents import name_parents


class Client:
    """A client of a model server."""

    def __init__(self, find_url: Callable[[], str]) -> None:
        """Take the function that waits until the server answers and returns its URL."""
        self._find_url = find_url

    @cached_property
    def url(self) -> str:
        """The server's URL. Waits until the server answers."""
        return self._find_url()

    def predict(self, rows: Any) -> dict[str, list[Any]]:
        """Predict raw samples [n, ...], an array or a list; returns lists of n values, by name.

        Waits until the server answers. Raises PipelineError if it does not, stops, or refuses the
        samples.
        """
        rows = rows.tolist() if hasattr(rows, "tolist") else rows
        answer = _request("POST", f"{self.url}/predict", {"rows": rows})
        if answer is None or not answer.ok:
            reason = "no answer" if answer is None else f"{answer.status_code} {answer.text[:500]}"
            raise PipelineError(f"the model server at {self.url} failed: {reason}")
        predictions: dict[str, list[Any]] = answer.json()
        return predictions


@contextmanager
def serving(model: Path, log: Path, startup_seconds: float) -> Iterator[Client]:
    """Serve a model file on a free loopback port for the duration of a `with` block.

    The block starts at once, so that it can prepare requests meanwhile; the client waits for the
    server, at most `startup_seconds`. The server's output goes to `log`.
    """
    with tempfile.TemporaryDirectory() as folder, log.open("wb") as output:
        ready = Path(folder) / "url"
        server = [sys.executable, "-m", "mlpo_kit.models.server", "--port", "0"]
        command = [*server, "--model", str(model), "--ready-file", str(ready)]
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=find_project().root,
            env={**os.environ, **name_parents()},
        )
        try:
            yield Client(partial(_wait_until_ready, process, ready, log, startup_seconds))
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(
    process: subprocess.Popen[bytes], ready: Path, log: Path, seconds: float
) -> str:
    """Wait until the server answers; returns its URL."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            tail = log.read_text(errors="replace")[-1000:]
            code = process.returncode
            raise PipelineError(f"the model server stopped with exit code {code}:\n{tail}")
        if ready.exists():
            url = ready.read_text()
            health = _request("GET", f"{url}/health")
            if health is not None and health.ok:
                return url
        time.sleep(0.1)
    raise PipelineError(f"the model server did not answer within {seconds:g} s; see {log}")


def _request(method: str, url: str, body: object = None) -> requests.Response | None:
    """Send a request directly, without the environment's proxy; None if nothing listens there."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.request(method, url, json=body, timeout=60)
        except requests.ConnectionError:
            return None
