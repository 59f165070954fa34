"""What 100 runs leave on the disk, with the retention policy and without it.

    python benchmarks/disk.py [--runs 100] [--orchestrator metaflow ...]

The case that retention is for: every run trains another model, and nobody prunes by hand. The
settings of the project are the defaults, but for three: training is short, any accuracy will do,
and `max_gib` is to this model's weights what 20 GiB are to 5 GB. The disk is measured after each
run, before and after the prune that `make run` ends with. What the runs wrote, added up, is what
would be there without the policy. Takes about a quarter of an hour for each orchestrator.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

CHECKPOINT = 5e9  # bytes, of the model that the figures are extrapolated to
MIB = 2**20
SETTINGS = """
train: {epochs: 1}
register: {min_accuracy: 0, max_regression: 1}
"""
LEFT_OUT = (".venv", "src", "pipeline", "tests", "vendor", "docs")  # not made by runs


def main(runs: int, orchestrators: Sequence[str]) -> None:
    """Measure and print, for one orchestrator after the other."""
    for orchestrator in orchestrators:
        with tempfile.TemporaryDirectory() as folder:
            measure(orchestrator, Path(folder), runs)


def measure(orchestrator: str, folder: Path, runs: int) -> None:
    """Run the project so many times and print how its disk fills."""
    new = [sys.executable, "-m", "mlpo_cli", "new", "my-project", "--orchestrator", orchestrator]
    subprocess.run(new, cwd=folder, check=True, capture_output=True)
    project = folder / "my-project"
    make(project, "setup")
    profile = project / "configs" / "local.yaml"
    profile.write_text(SETTINGS, encoding="utf-8")
    make(project, "run")
    weights = max(path.stat().st_size for path in project.glob("runs/*/train/*.safetensors"))
    (per_run,) = (size_of(path) for path in project.glob("runs/*") if path.is_dir())
    budget = 20 * weights / CHECKPOINT  # GiB
    profile.write_text(f"{SETTINGS}\nretention: {{max_gib: {budget}}}\n", encoding="utf-8")

    print(f"{orchestrator}: {runs} runs, {weights / MIB:.2f} MiB of weights in each", flush=True)
    print("  runs   with it   without it   checkpoints left   the prune took", flush=True)
    written = size_of(project)
    for number in range(2, runs + 1):
        before = size_of(project)
        # As `make run` does it, with a look at the disk between its two halves.
        make(project, "run", f"ARGS=--learning_rate {0.001 + number / 1e6:.6f}", "PRUNE=-c pass")
        written += size_of(project) - before
        began = time.perf_counter()
        make(project, "prune", "ARGS=--auto")
        took = time.perf_counter() - began
        if number % 10 == 0 or number in (2, 5, runs):
            left = checkpoints(project)
            now, all_of_it = size_of(project) / MIB, written / MIB
            row = f"  {number:4}  {now:6.1f} MiB  {all_of_it:6.1f} MiB  {left:17}  {took:13.1f} s"
            print(row, flush=True)
    left, each = checkpoints(project), CHECKPOINT + per_run - weights
    print(f"  at 5 GB each: {left * CHECKPOINT / 1e9:.0f} GB of checkpoints are left of", end=" ")
    print(f"{runs * CHECKPOINT / 1e9:.0f} GB; a run writes {each / 1e9:.2f} GB\n", flush=True)


def make(project: Path, *arguments: str) -> None:
    """Run make in the project; it must succeed."""
    done = subprocess.run(
        ["make", *arguments], cwd=project, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"make {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def checkpoints(project: Path) -> int:
    """How many runs still have their weights."""
    return len(list(project.glob("runs/*/train/*.safetensors")))


def size_of(folder: Path) -> int:
    """Bytes of all files that runs left in a project, or in a folder of it."""
    return sum(
        path.lstat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in LEFT_OUT
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--orchestrator", nargs="+", default=["metaflow", "kubeflow", "zenml"])
    chosen = parser.parse_args()
    main(chosen.runs, chosen.orchestrator)
