"""What the cache costs: an unchanged second `make run` against one that has nothing to look up.

    python benchmarks/second_run.py [ROUNDS] [--orchestrator metaflow]

The other side is the same project with the bodies of its first five stages empty: they return a
constant, without key, lookup, verification or record. `register` and `deploy` are real on both.
Alternates the two and prints the medians and their ratio (the goal is at most 1.2), and what it
takes to compute a stage's key. Takes minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from first_run import seconds, timed

EMPTY = """

_CONSTANTS = __import__("json").loads(
    __import__("pathlib").Path({file!r}).read_text(encoding="utf-8")
)


def _constant(stage, look=run_stage):
    outputs, values = _CONSTANTS[stage.name]
    return _result(stage, {{name: Ref(**ref) for name, ref in outputs.items()}}, values)


def run_stage(run, stage, real=run_stage, **inputs):
    return _constant(stage) if stage.name in _CONSTANTS else real(run, stage, **inputs)


def reuse(run, stage, **inputs):
    return Hit(_constant(stage), {origin!r})
"""
KEY = """
import time
from my_project import settings
from my_project.kit import fingerprint
section = settings.load().train
began = time.perf_counter()
fingerprint.parts_of("my_project.stages.train", section, {})
print(time.perf_counter() - began)
"""


def main(rounds: int, orchestrator: str) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        project, other = Path(folder) / "my-project", Path(folder) / "empty" / "my-project"
        new = [sys.executable, "-m", "mlpo_cli", "new", "my-project", "--orchestrator"]
        for place in (project, other):
            place.parent.mkdir(exist_ok=True)
            command = [*new, orchestrator]
            subprocess.run(command, cwd=place.parent, check=True, capture_output=True)
        timed(["make", "setup"], project)
        timed(["make", "setup"], other)
        timed(["make", "run"], project)
        for name in ("runs", "registry"):
            shutil.copytree(project / name, other / name)
        empty_the_bodies(other, project)
        timed(["make", "run"], other)  # makes what the orchestrator itself keeps
        real, empty = [], []
        for _ in range(rounds):
            real.append(timed(["make", "run"], project))
            empty.append(timed(["make", "run"], other))
        python = str(project / ".venv" / "bin" / "python")
        done = subprocess.run([python, "-c", KEY], capture_output=True, text=True, check=True)
        print(f"make run, unchanged       {statistics.median(real):6.1f} s  {seconds(real)}")
        print(f"five empty bodies         {statistics.median(empty):6.1f} s  {seconds(empty)}")
        print(
            f"ratio of the medians      {statistics.median(real) / statistics.median(empty):6.2f}"
        )
        print(f"the key of one stage      {1000 * float(done.stdout):6.0f} ms")


def empty_the_bodies(project: Path, ran: Path) -> None:
    """Let the first five stages of a project return what they did in another's newest run."""
    latest = json.loads((ran / "runs" / "latest.json").read_text())
    records = {
        stage["name"]: json.loads(
            (ran / "runs" / latest["run_id"] / f"{stage['name']}.json").read_text()
        )
        for stage in latest["stages"][:5]
    }
    constants = project / "constants.json"
    constants.write_text(
        json.dumps(
            {name: (record["outputs"], record["values"]) for name, record in records.items()}
        )
    )
    runner = project / "src" / "my_project" / "kit" / "runner.py"
    text = EMPTY.format(file=str(constants), origin=latest["run_id"])
    runner.write_text(runner.read_text() + text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--orchestrator", default="metaflow")
    main(**vars(parser.parse_args()))
