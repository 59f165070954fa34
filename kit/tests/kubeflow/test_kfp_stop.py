"""A local KFP run that is stopped: nothing goes on, and the record says how it ended."""

from __future__ import annotations

from pathlib import Path

import pytest
import stopping
from kfp_project import RunFolder

pytestmark = [pytest.mark.slow, pytest.mark.full]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_an_interrupt_ends_a_run_with_its_table(folder: RunFolder) -> None:
    with stopping.start_training(folder.root, folder.make_environment()) as process:
        shown = stopping.interrupt(process, folder.root)
    assert "train interrupted: by Ctrl-C" in shown
    assert "Traceback" not in shown
    assert folder.read_states()["evaluate"] == "not run"
    assert stopping.read_train(folder.root)["attempt"] == 1  # KFP does not try it again


def test_a_second_interrupt_ends_a_run_at_once(folder: RunFolder) -> None:
    stopping.make_stubborn(folder.root)
    with stopping.start_training(folder.root, folder.make_environment()) as process:
        shown = stopping.interrupt(process, folder.root, again_after=1)
    assert "train interrupted: by Ctrl-C" in shown


def test_no_task_goes_on_without_the_process_that_was_started(folder: RunFolder) -> None:
    with stopping.start_training(folder.root, folder.make_environment()) as process:
        stopping.kill_launcher(process, folder.root)
    record = stopping.read_train(folder.root)
    assert record["reason"] == "the process that started it was killed"


def test_a_task_that_is_killed_says_by_which_signal(folder: RunFolder) -> None:
    with stopping.start_training(folder.root, folder.make_environment()) as process:
        shown = stopping.kill_stage(process, folder.root, "--component_module_path")
    assert "error: the task train failed; its messages are above" in shown
