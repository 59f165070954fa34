"""What retention costs where there are 1,000 runs, and what a stage's key costs.

    python benchmarks/prune.py [RUNS]

Makes a project, runs it once, and copies that run's records and small payloads under other ids, two
hours apart, with a cache entry for each. Then times `make prune`, what `make run` does after a
green run, which is a prune, and what is left to do then; the last line is the key of the train
stage: the source that it reaches, its settings, the installed packages. Every figure is a whole
process, but for the key. Nothing is compared: the question is whether anybody has to wait.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from second_run import KEY

COPY = """
import sys, time
from dataclasses import replace
from my_project import settings
from my_project.kit import cache, records
from my_project.kit.store import Ref
store = settings.load().store
(first,) = records.run_ids(store)
found = records.read_all(store, first)
known = [entry for stage in records.STAGES for entry in cache.entries(store, stage)]
for number in range(1, int(sys.argv[1])):
    run_id, earlier = f"{int(first) - number}", number * 7200
    def moved(refs):
        made = {}
        for name, ref in refs.items():
            key = ref.key.replace(first, run_id)
            store.write(key, b"0" * 100)
            made[name] = Ref(f"store://{key}", ref.sha256, 100)
        return made
    for record in found.values():
        records.write(store, replace(record, run_id=run_id, started=record.started - earlier,
            ended=record.ended - earlier, outputs=moved(record.outputs), inputs={}))
    for entry in known:
        cache.remember(store, replace(entry, key=f"{number:064x}", run_id=run_id,
            created=entry.created - earlier, outputs=moved(entry.outputs)))
print(len(records.run_ids(store)))
"""


def main(runs: int = 1000) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        new = [sys.executable, "-m", "mlpo_cli", "new", "my-project", "--orchestrator", "metaflow"]
        subprocess.run(new, cwd=folder, check=True, capture_output=True)
        project = Path(folder) / "my-project"
        timed(project, "make", "setup", "run")
        python = str(project / ".venv" / "bin" / "python")
        timed(project, python, "-c", COPY, str(runs))
        prune = (python, "pipeline/prune.py")
        few = len(list((project / "runs").glob("*/train.json")))
        print(f"{few} runs")
        print(f"  make prune, the plan       {timed(project, 'make', 'prune'):6.2f} s")
        took = timed(project, "make", "run", "RUN=-c pass")
        print(f"  after a run: table, prune  {took:6.2f} s")
        print(f"  make prune APPLY=1, again  {timed(project, 'make', 'prune', 'APPLY=1'):6.2f} s")
        left = len(list((project / "runs").glob("*/train.json")))
        print(f"{left} runs left: the last 30 days, 14 of them in the cache")
        print(f"  after a run, nothing to do {timed(project, *prune, '--auto'):6.2f} s")
        done = subprocess.run([python, "-c", KEY], capture_output=True, text=True, check=True)
        print(f"the key of one stage       {1000 * float(done.stdout):6.0f} ms")


def timed(project: Path, *command: str) -> float:
    """Wall seconds of a command that must succeed."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
