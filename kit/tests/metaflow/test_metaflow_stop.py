"""A Metaflow run that is stopped: nothing goes on, and the record says how it ended."""

from __future__ import annotations

from pathlib import Path

import pytest
import stopping
from metaflow_runs import make_environment, make_project, run_well

from mlpo_kit.models.tracking import connect

pytestmark = [pytest.mark.slow, pytest.mark.full]


def test_a_second_interrupt_ends_a_run_at_once(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    stopping.make_stubborn(root)
    with stopping.start_training(root, make_environment(root)) as process:
        shown = stopping.interrupt(process, root, again_after=1)
    assert "train interrupted: by Ctrl-C" in shown
    assert "Traceback" not in shown


def test_an_interrupted_run_whose_server_was_away_is_closed_by_the_next_command(
    tmp_path: Path,
) -> None:
    root = make_project(tmp_path)
    away = {"MLPO_KIT_TRACKING": "on", "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    changes = ("train.epochs=10000", "train.sleep_seconds=0.1")
    with stopping.start_training(root, make_environment(root, **away), *changes) as process:
        shown = stopping.interrupt(process, root)
    assert "is not in MLflow yet: the MLflow server at http://127.0.0.1:9 does not answer" in shown
    run_well(root, "track")
    client = connect(root / "registry")
    (run,) = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
    assert run.info.status == "KILLED"
    assert run.data.tags["mlpo.status"] == "interrupted"
    assert run.data.metrics["val_loss"] > 0
    assert "everything is in MLflow" in run_well(root, "track").stdout


def test_no_task_goes_on_without_the_process_that_was_started(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    with stopping.start_training(root, make_environment(root)) as process:
        stopping.kill_launcher(process, root)
    record = stopping.read_train(root)
    assert record["reason"] == "the process that started it was killed"


def test_a_task_that_is_killed_says_by_which_signal(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    with stopping.start_training(root, make_environment(root)) as process:
        assert "Traceback" not in stopping.kill_stage(process, root, " step train ")
