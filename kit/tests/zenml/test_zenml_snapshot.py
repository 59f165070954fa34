"""Steps run from a snapshot of the sources, which can be edited and run again."""

from __future__ import annotations

from pathlib import Path

import pytest
from editing import check_edits, check_likeness
from zenrun import Zen

pytestmark = [pytest.mark.slow, pytest.mark.full]  # in all three it is the same code


def test_edits_do_not_reach_a_run_and_it_is_run_again_as_it_was(tmp_path: Path) -> None:
    zen = Zen(tmp_path)
    check_edits(zen.root, zen.make_environment())
    check_likeness(zen.root, zen.make_environment())
