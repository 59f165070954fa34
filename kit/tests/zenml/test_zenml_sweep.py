"""A sweep in a real ZenML run: a step per trial, and the best becomes the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from zenrun import Zen

pytestmark = pytest.mark.slow

REGISTER = {"max_regression": 1}


@pytest.fixture
def zen(tmp_path: Path) -> Zen:
    """A project without a run."""
    return Zen(tmp_path)


@pytest.mark.full
def test_a_sweep_goes_on_with_the_best_and_outlives_a_bad_trial(zen: Zen) -> None:
    """One sequence: a sweep, and the same again with nothing left to train."""
    space = zen.root / "configs" / "space.yaml"
    space.write_text("space: {train.fail: [true, false], train.learning_rate: [0.004, 0.005]}")
    zen.write(register=REGISTER, resources={"train": {"cpu": 2}})
    for states in (["failed", "failed", "miss", "miss"], ["failed", "failed", "hit", "hit"]):
        done = zen.kit("sweep", "--json", "--sweep", "space")
        assert done.returncode == 0, done.stdout + done.stderr
        summary = zen.latest()
        assert summary["status"] == "completed"
        assert summary["stages"][3]["reason"].startswith("best of 4 trials: train-3")
        document = json.loads(done.stdout)
        assert document["run_id"] == summary["run_id"]
        tried = document["sweep"]["trials"]
        assert [t["state"] if t["state"] == "failed" else t["cache"] for t in tried] == states
    run = zen.records()["runs"][summary["run_id"]]
    assert run["status"] == "completed"
    cores = {name for name, step in run["steps"].items() if step["cores"] == 2}
    assert cores == {"trial_1", "trial_2", "trial_3", "trial_4"}  # each has what `train` asks for
    assert "train" not in run["steps"]

    space.write_text("space: {train.epoch: [1], train.patience: []}")
    done = zen.kit("sweep", "--sweep", "space")
    assert done.returncode == 1
    assert "space.train.epoch: train has no such setting" in done.stderr
    assert "space.train.patience: the list is empty" in done.stderr
