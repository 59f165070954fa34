"""What the cache costs: an unchanged second `make run` against one that has nothing to look up.

    python benchmarks/second_run.py [ROUNDS] [--orchestrator metaflow]

The other side is the same project with the bodies of its cached stages empty: they return a
constant, without key, lookup, verification or record. `register` and `deploy` are real on both.
Alternates the two and prints the medians and their ratio (the goal is at most 1.2), and what it
takes to compute a stage's key. Takes minutes. `--project` names a project that is set up already.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from projects import (
    INSTEAD,
    KEY,
    borrow_project,
    find_python,
    make_project,
    print_load,
    print_ratio,
    print_times,
    run,
    time_command,
)

EMPTY = """

_CONSTANTS = __import__("json").loads(
    __import__("pathlib").Path({file!r}).read_text(encoding="utf-8")
)


def _constant(stage):
    outputs, values = _CONSTANTS[stage.name]
    return _make_result(stage, {{name: Ref(**ref) for name, ref in outputs.items()}}, values)


def run_stage(run, stage, *, real=run_stage, **inputs):
    return _constant(stage) if stage.name in _CONSTANTS else real(run, stage, **inputs)


def reuse_result(run, stage, *, real=reuse_result, **inputs):
    known = stage.name in _CONSTANTS
    return Hit(_constant(stage), {origin!r}) if known else real(run, stage, **inputs)
"""
RUN = ("make", "run")


def main(rounds: int, orchestrator: str, project: Path | None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        made = project or make_project(Path(name) / "made", orchestrator)
        ours = borrow_project(made, Path(name) / "real")
        run(RUN, ours)
        other = borrow_project(made, Path(name) / "empty")
        for folder in ("runs", "registry"):
            shutil.copytree(ours / folder, other / folder)
        empty_the_bodies(other, ours)
        run(RUN, other)  # makes what the orchestrator itself keeps
        real, empty = [], []
        for _ in range(rounds):
            real.append(time_command(RUN, ours))
            empty.append(time_command(RUN, other))
        key = [float(run((find_python(made), "-c", KEY), ours)) for _ in range(5)]
        print_times("make run, unchanged", real)
        print_times("cached stages are empty", empty)
        print_ratio("ratio of the medians", real, empty)
        print_times("the key of a stage", [1000 * seconds for seconds in key], "ms")
        print_load()


def empty_the_bodies(project: Path, ran: Path) -> None:
    """Let the cached stages of a project return what they did in another's newest run."""
    latest = json.loads((ran / "runs" / "latest.json").read_text(encoding="utf-8"))
    folder = ran / "runs" / latest["run_id"]
    records = {
        stage["name"]: json.loads((folder / f"{stage['name']}.json").read_text(encoding="utf-8"))
        for stage in latest["stages"]
        if stage["cache"] != "off"
    }
    constants = project / "constants.json"
    constants.write_text(
        json.dumps({name: (it["outputs"], it["values"]) for name, it in records.items()})
    )
    (kit,) = (project / ".venv" / "lib").glob("python*/site-packages/mlpo_kit")
    place = project / INSTEAD / "mlpo_kit"
    shutil.copytree(kit, place)
    runner = place / "execution" / "runner.py"
    text = EMPTY.format(file=str(constants), origin=latest["run_id"])
    runner.write_text(runner.read_text(encoding="utf-8") + text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--orchestrator", default="metaflow")
    parser.add_argument("--project", type=Path)
    main(**vars(parser.parse_args()))
