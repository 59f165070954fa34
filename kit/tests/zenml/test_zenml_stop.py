"""A local ZenML run that is stopped: nothing goes on, and the record says how it ended."""

from __future__ import annotations

from pathlib import Path

import pytest
import stopping
from zenrun import Zen

pytestmark = [pytest.mark.slow, pytest.mark.full]


def test_an_interrupt_ends_a_run_with_its_table_and_no_other_try(tmp_path: Path) -> None:
    zen = Zen(tmp_path)
    retries = "resources.train.retries=2"
    with stopping.start_training(zen.root, zen.make_environment(), retries) as process:
        shown = stopping.interrupt(process, zen.root)
    assert "train interrupted: by Ctrl-C" in shown
    assert "Traceback" not in shown
    assert stopping.read_train(zen.root)["attempt"] == 1
    ((_, run),) = zen.records()["runs"].items()
    assert run["status"] == "failed"


def test_a_second_interrupt_ends_a_run_at_once(tmp_path: Path) -> None:
    zen = Zen(tmp_path)
    stopping.make_stubborn(zen.root)
    with stopping.start_training(zen.root, zen.make_environment()) as process:
        stopping.interrupt(process, zen.root, again_after=1)
