"""What 100 runs leave on the disk, with the retention policy and without it.

    python benchmarks/disk.py [--runs 100] [--orchestrator metaflow ...]

The case that retention is for: every run trains another model, and nobody prunes by hand. The
settings of the project are the defaults, but for three: training is short, any accuracy will do,
and `max_gib` is to this model's weights what 20 GiB are to 5 GB. The disk is measured after each
run, before and after the prune that `make run` ends with. What the runs wrote, added up, is what
would be there without the policy. Takes about a quarter of an hour for each orchestrator.
`--project` names a project that is set up already, in the place of the orchestrators.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from projects import OUTPUTS, borrow_project, find_python, make_project, run, time_command

CHECKPOINT = 5e9  # bytes, of the model that the figures are extrapolated to
MIB = 2**20
SETTINGS = """
train: {epochs: 1}
register: {min_accuracy: 0, max_regression: 1}
"""
PRUNE = """
from mlpo_kit.cli.prune import prune_after_run
from mlpo_kit.config import load_settings
prune_after_run(load_settings())
"""


def main(runs: int, orchestrators: Sequence[str], project: Path | None) -> None:
    """Measure and print, for one orchestrator after the other."""
    for orchestrator in [str(project)] if project else orchestrators:
        with tempfile.TemporaryDirectory() as name:
            made = project or make_project(Path(name) / "made", orchestrator)
            print(f"{orchestrator}: {runs} runs", flush=True)
            measure(borrow_project(made, Path(name) / "project"), runs)


def measure(project: Path, runs: int) -> None:
    """Run the project so many times and print how its disk fills."""
    profile = project / "configs" / "local.yaml"
    profile.write_text(SETTINGS, encoding="utf-8")
    run(("make", "run"), project)
    weights = max(path.stat().st_size for path in project.glob("runs/*/train/*.safetensors"))
    (per_run,) = (size_of(path) for path in project.glob("runs/*") if path.is_dir())
    budget = 20 * weights / CHECKPOINT  # GiB
    profile.write_text(f"{SETTINGS}\nretention: {{max_gib: {budget}}}\n", encoding="utf-8")

    print(f"  {weights / MIB:.2f} MiB of weights in each", flush=True)
    print("  runs   with it   without it   checkpoints left   the prune took", flush=True)
    written = size_of_outputs(project)
    for number in range(2, runs + 1):
        before = size_of_outputs(project)
        # As `make run` does it, with a look at the disk between its two halves.
        changes = (f"train.learning_rate={0.001 + number / 1e6:.6f}", "retention.auto=false")
        arguments = " ".join(f"--set {change}" for change in changes)
        run(("make", "run", f"ARGS={arguments}"), project)
        written += size_of_outputs(project) - before
        took = time_command((find_python(project), "-c", PRUNE), project)
        if number % 10 == 0 or number in (2, 5, runs):
            left = count_checkpoints(project)
            now, all_of_it = size_of_outputs(project) / MIB, written / MIB
            row = f"  {number:4}  {now:6.1f} MiB  {all_of_it:6.1f} MiB  {left:17}  {took:13.1f} s"
            print(row, flush=True)
    left, each = count_checkpoints(project), CHECKPOINT + per_run - weights
    print(f"  at 5 GB each: {left * CHECKPOINT / 1e9:.0f} GB of checkpoints are left of", end=" ")
    print(f"{runs * CHECKPOINT / 1e9:.0f} GB; a run writes {each / 1e9:.2f} GB\n", flush=True)


def count_checkpoints(project: Path) -> int:
    """How many runs still have their weights."""
    return len(list(project.glob("runs/*/train/*.safetensors")))


def size_of_outputs(project: Path) -> int:
    """Bytes of all that runs left in a project."""
    return sum(size_of(project / name) for name in OUTPUTS)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder; none where it is not there."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--orchestrator", nargs="+", default=["metaflow", "kubeflow", "zenml"])
    parser.add_argument("--project", type=Path)
    chosen = parser.parse_args()
    main(chosen.runs, chosen.orchestrator, chosen.project)
