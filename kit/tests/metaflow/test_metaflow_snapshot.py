"""A flow runs from a snapshot of the sources, which can be edited and run again."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from editing import check_edits, check_likeness
from metaflow_runs import make_environment, make_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that both tests use, in this order."""
    return make_project(tmp_path_factory.mktemp("a folder"))


def test_edits_during_a_run_do_not_reach_it(root: Path) -> None:
    check_edits(root, make_environment(root))


@pytest.mark.full
def test_a_run_is_run_again_as_it_was(root: Path) -> None:
    check_likeness(root, make_environment(root))
