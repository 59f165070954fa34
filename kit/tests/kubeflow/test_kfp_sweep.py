"""The sweep in a real local run of KFP: a task per trial, then the pipeline with the best."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp_project import RunFolder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A project of its own."""
    return RunFolder(tmp_path_factory.mktemp("sweep"))


def sweep(folder: RunFolder, document: Any, *arguments: str) -> Any:
    """Run a sweep."""
    (folder.root / "configs" / "space.yaml").write_text(yaml.safe_dump(document))
    python = ("-m", "mlpo_kit.cli", "sweep")
    return folder.run("--sweep", "space", *arguments, python=python)


def list_trials(folder: RunFolder) -> list[tuple[str, str]]:
    """Read the state and the cache state of each trial of the newest run."""
    record = folder.root / "runs" / folder.read_latest()["run_id"] / "sweep.json"
    return [(trial["state"], trial["cache"]) for trial in json.loads(record.read_text())["trials"]]


@pytest.mark.full
def test_a_sweep_goes_on_with_the_best_and_outlives_a_bad_trial(folder: RunFolder) -> None:
    """One sequence: a sweep with two trials at a time, the same again, one without a good trial."""
    space: dict[str, list[Any]] = {
        "train.learning_rate": [0.02, 0.003],
        "train.fail": [True, False],
    }
    done = sweep(folder, {"parallelism": 2, "space": space})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "executor_input" not in done.stdout
    table = done.stdout.index("\nrun ")
    lines = [line for line in done.stdout[:table].split("\n") if "Traceback" not in line]
    assert any(line.startswith("train-4 ") for line in lines)
    first = folder.read_latest()
    assert first["stages"][3]["reason"] == "best of 4 trials: train-4"
    assert set(folder.read_states().values()) == {"completed"}
    assert list_trials(folder) == [("failed", "miss")] * 2 + [("completed", "miss")] * 2
    assert first["model"]["version"] == 1
    assert {"choose", "evaluate", "deploy"} <= folder.list_tasks()

    del space["train.fail"]
    done = sweep(folder, {"space": space}, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [trial["cache"] for trial in json.loads(done.stdout)["sweep"]["trials"]] == ["hit"] * 2
    assert list_trials(folder) == [("reused", "hit")] * 2
    assert folder.read_latest()["model"] == first["model"]

    done = sweep(folder, {"space": {"train.fail": [True]}})
    assert done.returncode == 1
    assert "train-1 (fail true): RuntimeError('the training has a defect')" in done.stdout
    assert "the task choose failed" in done.stderr
    assert folder.read_states()["train"] == "failed"


def test_a_wrong_sweep_stops_before_it_starts(tmp_path: Path) -> None:
    other = RunFolder(tmp_path)
    done = sweep(other, {"space": {"train.epoch": [1], "train.patience": []}})
    assert done.returncode == 1
    assert "space.train.epoch: train has no such setting" in done.stderr
    assert "space.train.patience: the list is empty" in done.stderr
    assert not (other.root / "runs").exists()
