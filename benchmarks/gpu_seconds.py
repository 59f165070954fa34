"""How long a run holds a GPU, against one step that does everything and holds it throughout.

    python benchmarks/gpu_seconds.py [ROUNDS] [--orchestrator metaflow] [--profile local]

Only `train` holds a GPU, from the start of the stage to its end. On a machine without one the
default profile trains on the CPU: the seconds are those that a GPU would be held, with a CPU's
training. Alternates both over fresh stores and prints the medians and their ratio, and what a
second, unchanged run holds. Takes minutes. `--project` names a project that is set up already.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from projects import (
    IN_PROCESS,
    borrow_project,
    find_python,
    forget_runs,
    make_project,
    print_ratio,
    print_times,
    run,
    time_command,
)


def main(rounds: int, orchestrator: str, profile: str, project: Path | None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        made = project or make_project(Path(name) / "made", orchestrator)
        place = borrow_project(made, Path(name) / "project")
        one_step = (find_python(made), "-c", IN_PROCESS.format(profile=profile))
        held, alone, again, used = [], [], [], None
        for _ in range(rounds):
            forget_runs(place)
            run(("make", "run", f"PROFILE={profile}"), place)
            summary = read_latest(place)
            held.append(find_train_seconds(summary))
            used = summary["gpu_seconds"]["used"]
            run(("make", "run", f"PROFILE={profile}"), place)
            again.append(find_train_seconds(read_latest(place)))
            forget_runs(place)
            alone.append(time_command(one_step, place))
        print_times("train holds a GPU for", held)
        print_times("one step for everything", alone)
        print_ratio("ratio of the medians", held, alone)
        print_times("an unchanged second run", again)
        print(f"GPU-seconds used            {used or 0:6.1f}    (0 without a GPU)")


def read_latest(project: Path) -> Any:
    """The summary of the newest run."""
    return json.loads((project / "runs" / "latest.json").read_text(encoding="utf-8"))


def find_train_seconds(summary: Any) -> float:
    """From start to end of `train`; nothing where its result was there already."""
    (train,) = [stage for stage in summary["stages"] if stage["name"] == "train"]
    return 0.0 if train["cache"] == "hit" else float(train["seconds"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--orchestrator", default="metaflow")
    parser.add_argument("--profile", default="local")
    parser.add_argument("--project", type=Path)
    main(**vars(parser.parse_args()))
