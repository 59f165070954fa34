"""What retention costs where there are 1,000 runs, and what a stage's key costs.

    python benchmarks/prune.py [RUNS] [--project FOLDER]

Makes a project, or takes one that is set up, runs it once, and copies that run's records and small
payloads under other ids, two hours apart, with a cache entry for each. Then times `make prune`,
what `make run` does after a completed run, which is a table and a prune, and what is left to do
then; the last line is the key of the train stage: the source that it reaches, its settings, the
installed packages. Every figure is a whole process, but for the key. Nothing is compared: the
question is whether anybody has to wait.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from projects import KEY, borrow_project, find_python, make_project, print_load, run, time_command

COPY = """
import sys
from dataclasses import replace
from mlpo_kit import Ref
from mlpo_kit.caching.entries import read_entries, save_entry
from mlpo_kit.config import load_settings
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.records import list_runs, read_records, write_record
from mlpo_kit.store import open_store
store = open_store(load_settings())
(first,) = list_runs(store)
records = read_records(store, first).values()
known = [entry for stage in load_pipeline().cached_names for entry in read_entries(store, stage)]
for number in range(1, int(sys.argv[1])):
    run_id, earlier = f"{int(first) - number}", number * 7200
    def copy(refs):
        copies = {}
        for name, ref in refs.items():
            key = ref.key.replace(first, run_id)
            store.write(key, b"0" * 100)
            copies[name] = Ref(f"store://{key}", ref.sha256, 100)
        return copies
    for record in records:
        write_record(store, replace(record, run_id=run_id, started=record.started - earlier,
            ended=record.ended - earlier, outputs=copy(record.outputs), inputs={}))
    for entry in known:
        save_entry(store, replace(entry, key=f"{number:064x}", run_id=run_id,
            created=entry.created - earlier, outputs=copy(entry.outputs)))
"""
# What `mlpo-kit run` does when the orchestrator has ended.
AFTER = """
from mlpo_kit.cli.prune import prune_after_run
from mlpo_kit.cli.table import format_newest_run, read_newest_run
from mlpo_kit.config import load_settings
settings = load_settings()
print(format_newest_run(settings, read_newest_run(settings)))
prune_after_run(settings)
"""
PRUNE = ("make", "prune")


def main(runs: int, project: Path | None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        made = project or make_project(Path(name) / "made", "metaflow")
        place, python = borrow_project(made, Path(name) / "project"), find_python(made)
        run(("make", "run"), place)
        run((python, "-c", COPY, str(runs)), place)

        def measure(what: str, *command: str) -> None:
            print(f"  {what:<28}{time_command(command, place):6.2f} s", flush=True)

        print(f"{count_runs(place)} runs")
        measure("make prune, the plan", *PRUNE)
        measure("after a run: table, prune", python, "-c", AFTER)
        measure("make prune APPLY=1, again", *PRUNE, "APPLY=1")
        print(f"{count_runs(place)} runs left: the last 30 days, 14 of them in the cache")
        measure("after a run, nothing to do", python, "-c", AFTER)
        seconds = float(run((python, "-c", KEY), place))
        print(f"the key of one stage          {1000 * seconds:6.0f} ms")
        print_load()


def count_runs(project: Path) -> int:
    """How many runs have a record of their training."""
    return len(list((project / "runs").glob("*/train.json")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=int, nargs="?", default=1000)
    parser.add_argument("--project", type=Path)
    main(**vars(parser.parse_args()))
