"""What an orchestrator costs: the first `make run` against the same stages in one process.

    python benchmarks/first_run.py [ROUNDS] [--orchestrator metaflow]

Generates a project, sets it up, then alternates both over fresh stores and prints the medians and
their ratio (the goal is at most 2.5). Both sides run byte-compiled code. Takes minutes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IN_PROCESS = """
from inprocess import run_all
from my_project import settings
from my_project.kit.workspace import Run
run_all(Run("1", "none", settings.load()))
"""


def main(rounds: int, orchestrator: str) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        new = [sys.executable, "-m", "mlpo_cli", "new", "my-project", "--orchestrator"]
        subprocess.run([*new, orchestrator], cwd=folder, check=True, capture_output=True)
        project = Path(folder) / "my-project"
        setup = timed(["make", "setup"], project)
        python = str(project / ".venv" / "bin" / "python")
        flow, plain = [], []
        for _ in range(rounds):
            forget(project)
            flow.append(timed(["make", "run"], project))
            forget(project)
            plain.append(timed([python, "-c", IN_PROCESS], project))
        print(f"make setup                {setup:6.1f} s")
        print(f"make run, first           {statistics.median(flow):6.1f} s  {seconds(flow)}")
        print(f"seven stages, one process {statistics.median(plain):6.1f} s  {seconds(plain)}")
        print(
            f"ratio of the medians      {statistics.median(flow) / statistics.median(plain):6.2f}"
        )


def timed(command: list[str], folder: Path) -> float:
    """Wall seconds of a command that must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "tests")}
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def forget(project: Path) -> None:
    """Remove what runs left, so that the next one is a first run."""
    for name in ("runs", "cache", "registry", ".metaflow", ".zenml", "local_outputs"):
        shutil.rmtree(project / name, ignore_errors=True)


def seconds(values: list[float]) -> str:
    """All measurements, for the reader to see their spread."""
    return "(" + ", ".join(f"{value:.1f}" for value in values) + ")"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--orchestrator", default="metaflow")
    main(**vars(parser.parse_args()))
