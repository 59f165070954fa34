"""The flow for several machines in a real local run: each machine is a process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from metaflow_runs import call, make_project, read_latest, read_states, run_well, write_profile

pytestmark = pytest.mark.slow

DELETE = """
import sys
from mlpo_kit.config.settings import load_settings
from mlpo_kit.metaflow import adapter
print(*adapter.find_kept_runs(load_settings()))
adapter.delete_runs(load_settings(), [sys.argv[1]])
"""


@pytest.mark.full
def test_two_machines_train_register_and_deploy(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    write_profile(root, "two", train={"nodes": 2, "timeout_seconds": 60, "device": "cpu"})
    run_well(root, "run", "--profile", "two", "--tag", "keep")
    summary = read_latest(root)
    first = root / ".metaflow" / "NodesFlow" / str(summary["run_id"])
    assert summary["status"] == "completed"
    assert read_states(root) == ["completed"] * 7
    assert summary["model"]["alias"] == "champion"
    machines = [path for path in (first / "train_node").iterdir() if path.name != "_meta"]
    assert len(machines) == 2
    assert not list((root / "runs" / first.name / "train").glob("meeting-*"))

    # `make prune` would keep the newest run, whatever it is: so what it calls is called here.
    done = call(root, "-c", DELETE, first.name)
    assert done.stdout.split() == [first.name], done.stderr
    assert not any(path.exists() for path in machines)
    known = json.loads((first / "_meta" / "_self.json").read_text())
    assert {"keep", "pruned"} <= set(known["tags"])
