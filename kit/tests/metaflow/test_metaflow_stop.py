"""A Metaflow run that is stopped: nothing goes on, and the record says how it ended."""

from __future__ import annotations

from pathlib import Path

import pytest
import stopping
from metaflow_runs import make_environment, make_project

pytestmark = [pytest.mark.slow, pytest.mark.full]


def test_a_second_interrupt_ends_a_run_at_once(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    stopping.make_stubborn(root)
    with stopping.start_training(root, make_environment(root)) as process:
        shown = stopping.interrupt(process, root, again_after=1)
    assert "train interrupted: by Ctrl-C" in shown
    assert "Traceback" not in shown


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
