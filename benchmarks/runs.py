"""What listing and comparing runs costs where there are 1,000 of them.

    python benchmarks/runs.py [RUNS] [--project FOLDER]

Makes a project, or takes one that is set up, runs it twice, and copies the records of these runs
under other ids, an hour apart, each with other settings and another accuracy. Then times `make
runs` and `make diff`, as whole processes; the first line is a command that reads no run. The last
lines are the reading alone, and the share of it that each of its files takes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from projects import borrow_project, find_python, make_project, print_load, run, time_command

COPY = """
import sys
from dataclasses import replace
from mlpo_kit.config import load_settings
from mlpo_kit.runs.records import list_runs, read_records, write_record
from mlpo_kit.store import open_store
store = open_store(load_settings())
first, *_ = list_runs(store)
records = read_records(store, first).values()
start = None
if "run.json" in store.children(f"runs/{first}"):
    start = store.read_json(f"runs/{first}/run.json")
for number in range(2, int(sys.argv[1])):
    run_id, earlier = f"{int(first) - number * 7919}", number * 3600
    train = {"epochs": 2 + number % 7, "learning_rate": 0.001 * (1 + number % 5)}
    for record in records:
        values, settings = record.values, record.settings
        if record.stage == "evaluate":
            values = {**values, "metrics": {"accuracy": 0.9 + number % 100 / 1000}}
        if record.stage == "train":
            settings = {**settings, **train}
        write_record(store, replace(record, run_id=run_id, settings=settings, values=values,
            started=record.started - earlier, ended=record.ended - earlier))
    if start is not None:
        changed = {**start["settings"], "train": {**start["settings"]["train"], **train}}
        document = {**start, "run_id": run_id, "settings": changed}
        store.write_json(f"runs/{run_id}/run.json",
            {**document, "started": start["started"] - earlier})
"""
READ = """
import time
from mlpo_kit.config import load_settings
from mlpo_kit.runs.overview import read_overviews
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.store import open_store
store, pipeline = open_store(load_settings()), load_pipeline()
began = time.perf_counter()
read_overviews(store, pipeline)
print(time.perf_counter() - began)
"""


def main(runs: int, project: Path | None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        made = project or make_project(Path(name) / "made", "metaflow")
        place, python = borrow_project(made, Path(name) / "project"), find_python(made)
        for epochs in (2, 3):
            changes = f"--set train.epochs={epochs} --set register.min_accuracy=0"
            run(("make", "run", f"ARGS={changes}"), place)
        run((python, "-c", COPY, str(runs)), place)
        ids = sorted(path.parent.name for path in place.glob("runs/*/train.json"))

        def measure(what: str, *command: str) -> None:
            print(f"  {what:<28}{time_command(command, place):6.2f} s", flush=True)

        print(f"{len(ids)} runs")
        kit = (python, "-m", "mlpo_kit.cli")
        measure("graph, which reads no run", *kit, "graph")
        measure("runs", *kit, "runs")
        measure("runs, filtered and sorted", *kit, "runs", "--where", "accuracy>0.95",
                "--sort=-accuracy")  # fmt: skip
        measure("runs, all as JSON", *kit, "runs", "--limit", "0", "--json")
        measure("diff of two runs", *kit, "diff", *ids[-2:])
        measure("diff with latest", *kit, "diff", ids[0], "latest")
        measure("report --compare of two", *kit, "report", "--compare", *ids[-2:])
        files = sum(1 for _ in place.glob("runs/*/*.json"))
        seconds = float(run((python, "-c", READ), place))
        print(f"reading alone {seconds:14.2f} s, {1e6 * seconds / files:.0f} us for each file")
        print_load()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=int, nargs="?", default=1000)
    parser.add_argument("--project", type=Path)
    main(**vars(parser.parse_args()))
