"""`--set` can change every setting of a run; a wrong setting starts nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from metaflow_runs import make_project, read_latest, run_flow, run_kit, write_profile

from mlpo_kit.errors import PipelineError
from mlpo_kit.metaflow.start import take_changes


def test_set_options_are_split_off_in_their_order() -> None:
    words = ["--config", "config", "x", "run", "--set", "a.b=1", "--tag", "t", "--set=c=[1, 2]"]
    kept, changes = take_changes(words)
    assert kept == ["--config", "config", "x", "run", "--tag", "t"]
    assert changes == ["a.b=1", "c=[1, 2]"]
    with pytest.raises(PipelineError, match="--set needs a setting"):
        take_changes(["run", "--set"])


@pytest.mark.slow
def test_a_bad_setting_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    write_profile(root, "bad", train={"epochs": 0, "epoch": 3})
    for done in (
        run_flow(root, "--config", "config", "configs/bad.yaml", "run"),
        run_kit(root, "run", "--profile", "bad"),
        run_kit(root, "run", "--set", "train.epochs=0", "--set", "train.epoch=3"),
        run_flow(root, "run", "--set", "train.epochs=0", "--set", "train.epoch=3"),
    ):
        assert done.returncode == 1
        shown = done.stdout + done.stderr
        assert "train.epochs" in shown
        assert "train.epoch:" in shown
        assert "Traceback" not in shown
    assert not (root / "runs").exists()


@pytest.mark.slow
def test_resources_can_be_set_and_a_resumed_run_keeps_its_settings(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    shown = run_flow(root, "run", "--set", "resources.trian={cpu: 2}")
    assert "resources.trian: there is no such stage" in shown.stdout + shown.stderr
    done = run_flow(root, "resume", "--set", "train.epochs=1")
    assert done.returncode == 1
    assert done.stderr == (
        "error: a resumed run keeps the settings that it started with: drop --set\n"
    )


@pytest.mark.full
@pytest.mark.slow
def test_the_settings_parameter_reaches_every_task(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    done = run_flow(root, "run", "--settings", "train.epochs=1 ingest.rows=50")
    assert done.returncode == 0, done.stdout + done.stderr
    history = root / "runs" / read_latest(root)["run_id"] / "train" / "history.jsonl"
    assert len(history.read_text().splitlines()) == 1

    done = run_flow(root, "run", "--settings", '["resources.train.cpu=9"]')
    assert done.returncode == 1
    assert "resources.train.cpu: fixed when the pipeline was compiled" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_wrong_sweep_stops_before_it_starts(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    write_profile(root, "wrong", space={"train.epoch": [1], "train.patience": []})
    by_hand = ("--config", "space", "configs/wrong.yaml", "run")
    for done in (
        run_kit(root, "sweep", "--sweep", "wrong"),
        run_flow(root, *by_hand, MLPO_KIT_VARIANT="sweep"),
    ):
        assert done.returncode == 1
        shown = done.stdout + done.stderr
        assert "space.train.epoch: train has no such setting; did you mean train.epochs?" in shown
        assert "space.train.patience: the list is empty" in shown
        assert "Traceback" not in shown
    assert not (root / "runs").exists()
