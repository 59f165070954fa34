"""What the train stage makes of its device, against a ceiling and against a plain loop.

    python benchmarks/train.py [ROUNDS] [--job default] [--device auto] [--project FOLDER]

The ceiling repeats one batch that is on the device: the same step, and no data. The plain loop is
what most tutorials show: float32, a DataLoader as it comes, `.item()` after each step. All three
train the same network on the same rows and alternate; printed are the medians of samples/s and
their ratios (the goal on a GPU is at least 0.9 of the ceiling). Jobs: `default`, the digits, and
`resnet50`, made-up pictures of 224 pixels. `--project` names a project that is set up already, as
on a machine without a network.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from projects import find_python, make_project

INSIDE = Path(__file__).resolve().parent / "train_inside.py"


def main(rounds: int, jobs: list[str], device: str, project: Path | None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        place = project or make_project(Path(folder), "metaflow")
        for job in jobs:
            command = [find_python(place), str(INSIDE), job, device, str(rounds)]
            subprocess.run(command, cwd=place, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--job", action="append", choices=["default", "resnet50"], dest="jobs")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--project", type=Path)
    chosen = vars(parser.parse_args())
    main(**{**chosen, "jobs": chosen["jobs"] or ["default", "resnet50"]})
