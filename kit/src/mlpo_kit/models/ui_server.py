"""Run MLflow's UI on a local registry, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from mlpo_kit.errors import PipelineError

HOST = "127.0.0.1"
STARTUP_SECONDS = 180


@contextmanager
def serving_ui(
    python: Path, backend: str, registry: Path, port: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Serve MLflow's UI on this machine for the duration of a `with` block, once it answers.

    `python` has the full MLflow, `backend` is the URI of the database, and `registry` the folder of
    new experiments' files. The output goes to `log`. Raises PipelineError if the server stops or
    does not answer.
    """
    command = [str(python), "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    command += ["--backend-store-uri", backend, "--no-serve-artifacts", "--workers", "1"]
    command += ["--default-artifact-root", (registry / "artifacts").as_uri()]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--uvicorn-opts", "--log-level warning"],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env=_make_variables(),
            start_new_session=True,  # Ctrl-C must not reach it: MLflow would print a traceback
        )
    try:
        _wait_until_ready(process, port, log)
        yield process
    finally:
        _stop(process)


def _make_variables() -> dict[str, str]:
    """Return the environment variables of the server, without those of the project's packages."""
    variables = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    return {
        **variables,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # needs processes and files of its own
        "PYTHONWARNINGS": "ignore",
    }


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + STARTUP_SECONDS
    with requests.Session() as session:
        session.trust_env = False  # no proxy
        while time.monotonic() < end:
            check_ui(process, log)
            with suppress(requests.RequestException):
                if session.get(f"http://{HOST}:{port}/health", timeout=5).ok:
                    return
            time.sleep(0.2)
    raise PipelineError(f"MLflow's UI did not answer within {STARTUP_SECONDS} s")


def check_ui(process: subprocess.Popen[bytes], log: Path) -> None:
    """Raise PipelineError with the end of its output if the server has stopped."""
    if process.poll() is not None:
        tail = log.read_text(errors="replace")[-1000:].strip()
        raise PipelineError(f"MLflow's UI stopped with exit code {process.returncode}:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and the processes that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
