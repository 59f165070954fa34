"""Make projects, run commands in them and print how long they took, for the other files here."""

from __future__ import annotations

import compileall
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# What runs leave in a project; `.metaflow` and so on are those of the orchestrators.
OUTPUTS = (
    "runs", "cache", "checkpoints", "registry", "build",
    ".metaflow", ".zenml", "local_outputs", "mlruns",
)  # fmt: skip
INSTEAD = Path("instead", "site-packages")  # packages here go before those that are installed
# All stages as plain calls; `format` wants the name of a profile.
IN_PROCESS = """
from mlpo_kit import Run
from mlpo_kit.config import load_settings
from mlpo_kit.execution.inprocess import run_pipeline
run_pipeline(Run("1", "none", load_settings({profile!r})))
"""
# Prints the seconds that the key of the train stage takes, where nothing was computed before.
KEY = """
import time
from mlpo_kit.caching.key import collect_parts, hash_parts
from mlpo_kit.config import load_settings
from mlpo_kit.runs.pipeline import load_pipeline
settings, stage = load_settings(), load_pipeline()["train"]
began = time.perf_counter()
hash_parts(collect_parts(stage.module, settings.train, {}, settings))
print(time.perf_counter() - began)
"""


def make_project(folder: Path, orchestrator: str) -> Path:
    """Generate a project in a folder, and set it up."""
    new = [sys.executable, "-m", "mlpo_cli", "new", "my-project", "--orchestrator", orchestrator]
    folder.mkdir(parents=True, exist_ok=True)
    run(new, folder)
    run(["make", "setup"], folder / "my-project")
    return folder / "my-project"


def borrow_project(project: Path, folder: Path) -> Path:
    """Copy a project that is set up already: without what it ran, and with its environment."""
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".venv", *OUTPUTS))
    (folder / ".venv").symlink_to(project.resolve() / ".venv")
    for name in ("src", "pipeline"):
        compileall.compile_dir(folder / name, quiet=1)
    return folder


def find_python(project: Path) -> str:
    """The Python of a project's environment."""
    return str(project.resolve() / ".venv" / "bin" / "python")


def run(command: Sequence[str], project: Path) -> str:
    """Run a command, which must succeed, in a project; returns what it printed.

    The package is that of this folder, also where the environment belongs to another copy.
    """
    places = os.pathsep.join(str(project / place) for place in (INSTEAD, "src"))
    environment = {**os.environ, "PYTHONPATH": places}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # all sides run byte-compiled code
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def time_command(command: Sequence[str], project: Path) -> float:
    """Wall seconds of a command that must succeed."""
    began = time.perf_counter()
    run(command, project)
    return time.perf_counter() - began


def forget_runs(project: Path) -> None:
    """Remove what runs left, so that the next one is a first run."""
    for name in OUTPUTS:
        shutil.rmtree(project / name, ignore_errors=True)


def print_times(name: str, values: Sequence[float], unit: str = "s") -> None:
    """Print a median, and all measurements, for the reader to see their spread."""
    listed = ", ".join(f"{value:.1f}" for value in values)
    print(f"{name:<28}{statistics.median(values):6.1f} {unit:<2} ({listed})", flush=True)


def print_ratio(name: str, values: Sequence[float], base: Sequence[float]) -> None:
    """Print the ratio of two medians, and between what the ratios of the single rounds lie."""
    ratio = statistics.median(values) / statistics.median(base)
    rounds = [value / other for value, other in zip(values, base, strict=True)]
    print(f"{name:<28} {ratio:6.2f}   ({min(rounds):.2f} to {max(rounds):.2f})", flush=True)


def print_load() -> None:
    """Print how busy the machine is besides: the figures are only as good as it is quiet."""
    print(f"{'load of the last minutes':<28}{os.getloadavg()[0]:6.1f}    at the end", flush=True)
