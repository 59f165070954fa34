"""What an orchestrator costs: the first `make run` against the same stages in one process.

    python benchmarks/first_run.py [ROUNDS] [--orchestrator metaflow]
    python benchmarks/first_run.py --project NEW --against OLD [--setup]

Generates a project, sets it up, then alternates both over fresh stores and prints the medians and
their ratio (the goal is at most 1.4), where the first run's time goes, and the second, unchanged
run. `--against` names another
project that is set up, such as one that an earlier mlpo made: its first and second run take turns
with ours. `--project` names ours, where it is set up, too; neither is changed, copies are run.
`--setup` also times `make setup` of both, each into a fresh environment. Takes minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from projects import (
    IN_PROCESS,
    OUTPUTS,
    borrow_project,
    find_python,
    forget_runs,
    make_project,
    print_load,
    print_ratio,
    print_times,
    time_command,
)

RUN = ("make", "run")
PLAIN = "seven stages, one process"


def main(
    rounds: int, orchestrator: str, project: Path | None, against: Path | None, setup: bool
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = project or make_project(folder / "made", orchestrator)
        sides = {"": borrow_project(ours, folder / "ours")}
        if against is not None:
            sides["other: "] = borrow_project(against, folder / "other")
        plain = (find_python(ours), "-c", IN_PROCESS.format(profile="local"))
        taken: dict[str, list[float]] = {}

        def measure(what: str, seconds: float) -> None:
            taken.setdefault(what, []).append(seconds)

        for number in range(rounds):
            for side, place in list(sides.items())[:: 1 if number % 2 else -1]:
                if setup:
                    measure(f"{side}make setup", time_setup(place, folder / "fresh"))
                forget_runs(place)
                began = time.time()
                measure(f"{side}make run, first", time_command(RUN, place))
                for part, seconds in split_time(place, began).items():
                    measure(f"{side}  {part}", seconds)
                measure(f"{side}make run, second", time_command(RUN, place))
            forget_runs(sides[""])
            began = time.time()
            measure(PLAIN, time_command(plain, sides[""]))
            measure("  one process, in stages", split_time(sides[""], began)["in stages"])
        for what, values in sorted(taken.items()):
            print_times(what, values)
        print_ratio("first run / one process", taken["make run, first"], taken[PLAIN])
        for what in sorted(taken):
            if f"other: {what}" in taken:
                print_ratio(f"ours / other, {what}", taken[what], taken[f"other: {what}"])
        print_load()


def split_time(project: Path, began: float) -> dict[str, float]:
    """Where the time of a run that has just ended went, in seconds, as its records have it."""
    ended = time.time()
    records = [json.loads(path.read_text()) for path in project.glob("runs/*/*.json")]
    spans = sorted(
        (record["started"], record["ended"]) for record in records if record.get("ended")
    )
    busy, until = 0.0, spans[0][0]
    for start, end in spans:  # two stages may run at once
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return {
        "before the first stage": spans[0][0] - began,
        "in stages": busy,
        "between stages": until - spans[0][0] - busy,
        "after the last stage": ended - until,
    }


def time_setup(project: Path, folder: Path) -> float:
    """Wall seconds of `make setup` in a copy that has no environment."""
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".venv", *OUTPUTS))
    try:
        return time_command(("make", "setup"), folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--orchestrator", default="metaflow")
    parser.add_argument("--project", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--setup", action="store_true")
    main(**vars(parser.parse_args()))
