"""Tasks run from a snapshot of the sources, which can be edited and run again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from editing import check_edits, check_likeness
from kfp_project import KIT, RunFolder

pytestmark = [pytest.mark.slow, pytest.mark.full]  # in all three it is the same code


def test_edits_do_not_reach_a_run_and_it_is_run_again_as_it_was(tmp_path: Path) -> None:
    root = RunFolder(tmp_path / "a folder").root
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ML")}
    variables["PYTHONPATH"] = os.pathsep.join([str(KIT), str(root / "src")])
    check_edits(root, variables)
    check_likeness(root, variables)
