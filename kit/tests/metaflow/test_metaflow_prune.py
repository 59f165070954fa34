"""Metaflow's records of runs are found from any working folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from metaflow_runs import call, make_project

CODE = """
from mlpo_kit.config.settings import load_settings
from mlpo_kit.metaflow.adapter import find_kept_runs, delete_runs
settings = load_settings()
print(*find_kept_runs(settings))
delete_runs(settings, ["7000000"])
"""


def write_run(root: Path, run_id: str, *tags: str) -> Path:
    """Write Metaflow's local metadata for a run with one task; return its folder."""
    flow = root / ".metaflow" / "TrainFlow"
    shared: dict[str, Any] = {"flow_id": "TrainFlow", "system_tags": [], "user_name": "nobody"}
    run = {**shared, "run_number": run_id, "tags": [*tags], "ts_epoch": int(run_id) // 1000}
    for folder, document in ((flow, {**shared, "ts_epoch": 1}), (flow / run_id, run)):
        (folder / "_meta").mkdir(parents=True, exist_ok=True)
        (folder / "_meta" / "_self.json").write_text(json.dumps(document))
    (flow / run_id / "ingest" / "1").mkdir(parents=True)
    return flow / run_id


@pytest.mark.slow
@pytest.mark.parametrize("place", [".", "configs", "elsewhere"])
def test_runs_are_kept_and_forgotten_from_any_folder(tmp_path: Path, place: str) -> None:
    root = make_project(tmp_path)
    write_run(root, "6000000", "keep")
    gone = write_run(root, "7000000")
    folder = tmp_path if place == "elsewhere" else root / place
    code = f"import os; os.chdir({str(folder)!r})\n{CODE}"
    done = call(root, "-c", code, MLPO_KIT_PROJECT=str(root))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["6000000"]
    assert not (gone / "ingest").exists()
    run = json.loads((gone / "_meta" / "_self.json").read_text())
    assert (run["tags"], run["ts_epoch"]) == (["pruned"], 7000)
