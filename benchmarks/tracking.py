"""What tracking costs: a training, each run and each epoch, in a file and with a real server.

    python benchmarks/tracking.py [ROUNDS] [--project FOLDER] [--mlflow PROGRAM]

Trains the default network with and without tracking, in turn, and prints the medians of the time
per step and their ratio (the goal: tracking takes at most 1 % of a step), and what one call of
`Workspace.log_metrics` takes of it. Then sends a run of 100 epochs to MLflow, one at a time, as the
process in the background does: to the SQLite file of a project and to a server. `--project` names a
project that is set up already, `--mlflow` the program of a full MLflow; without it, one is
installed into a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from projects import borrow_project, find_python, make_project, print_load

INSIDE = Path(__file__).resolve().parent / "tracking_inside.py"


def main(rounds: int, project: Path | None, program: Path | None) -> None:
    """Measure and print."""
    print_load()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        root = borrow_project(project, place / "p") if project else make_project(place, "metaflow")
        command = [find_python(root), str(INSIDE), str(rounds)]
        subprocess.run([*command, "train"], cwd=root, check=True)
        subprocess.run([*command, "a SQLite file"], cwd=root, check=True)
        with serve_mlflow(program or install_mlflow(place, find_python(root)), place) as url:
            environment = {**os.environ, "MLFLOW_TRACKING_URI": url}
            subprocess.run([*command, "a server"], cwd=root, check=True, env=environment)


def install_mlflow(folder: Path, python: str) -> Path:
    """Install a full MLflow of the version that the project has; return its program."""
    code = "from importlib.metadata import version; print(version('mlflow-skinny'))"
    answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    uv = [sys.executable, "-m", "uv", "-q"]
    target = folder / "mlflow"
    subprocess.run([*uv, "venv", "--python", sys.executable, str(target)], check=True)
    install = [*uv, "pip", "install", "--python", str(target / "bin" / "python")]
    subprocess.run([*install, f"mlflow=={answer.stdout.strip()}"], check=True)
    return target / "bin" / "mlflow"


@contextmanager
def serve_mlflow(program: Path, folder: Path) -> Iterator[str]:
    """Run a real MLflow server; yields its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(program), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _answers(f"{url}/health"):
            time.sleep(0.2)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=5)
    parser.add_argument("--project", type=Path)
    parser.add_argument("--mlflow", type=Path)
    chosen = parser.parse_args()
    main(chosen.rounds, chosen.project, chosen.mlflow)
