"""How long a run holds a GPU, against one step that does everything and holds it throughout.

    python benchmarks/gpu_seconds.py [ROUNDS] [--orchestrator metaflow] [--profile local]

Only `train` holds a GPU, from the start of the stage to its end. On a machine without one the
default profile trains on the CPU: the seconds are those that a GPU would be held, with a CPU's
training. Alternates both over fresh stores and prints the medians and their ratio, and what a
second, unchanged run holds. Takes minutes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from first_run import IN_PROCESS, forget, seconds, timed


def main(rounds: int, orchestrator: str, profile: str) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        new = [sys.executable, "-m", "mlpo_cli", "new", "my-project", "--orchestrator"]
        subprocess.run([*new, orchestrator], cwd=folder, check=True, capture_output=True)
        project = Path(folder) / "my-project"
        run = ["make", "run", f"PROFILE={profile}"]
        timed(["make", "setup"], project)
        python = str(project / ".venv" / "bin" / "python")
        one_step = IN_PROCESS.replace("settings.load()", f"settings.load({profile!r})")
        held, alone, used = [], [], None
        for _ in range(rounds):
            forget(project)
            timed(run, project)
            summary = latest(project)
            held.append(train_seconds(summary))
            used = summary["gpu_seconds"]["used"]
            timed(run, project)
            again = train_seconds(latest(project))
            forget(project)
            alone.append(timed([python, "-c", one_step], project))
        print(f"train holds a GPU for     {statistics.median(held):6.1f} s  {seconds(held)}")
        print(f"one step for everything   {statistics.median(alone):6.1f} s  {seconds(alone)}")
        share = statistics.median(held) / statistics.median(alone)
        print(f"ratio of the medians      {share:6.2f}")
        print(f"an unchanged second run   {again:6.1f} s")
        print(f"GPU-seconds used          {used or 0:6.1f}   (0 without a GPU)")


def latest(project: Path) -> Any:
    """The summary of the newest run."""
    return json.loads((project / "runs" / "latest.json").read_text())


def train_seconds(summary: Any) -> float:
    """From start to end of `train`; nothing where its result was there already."""
    (train,) = [stage for stage in summary["stages"] if stage["name"] == "train"]
    return 0.0 if train["cache"] == "hit" else float(train["seconds"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--orchestrator", default="metaflow")
    parser.add_argument("--profile", default="local")
    main(**vars(parser.parse_args()))
