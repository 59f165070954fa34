"""The fixture of a project's own tests: small, quick runs over a store in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.runs.workspace import Run
from mlpo_kit.testing import fixtures
from mlpo_kit.testing.fixtures import EPOCHS, MakeRun

make_quick_run = fixtures.make_run  # the name `make_run` is the small project's here


@pytest.fixture(autouse=True)
def named_registry(toy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://nobody.example.org")


@pytest.mark.slow
def test_runs_are_small_and_share_a_store(
    make_quick_run: MakeRun, tmp_path: Path, toy: Project
) -> None:
    run = make_quick_run()
    assert isinstance(run, Run)
    assert (run.id, run.use_cache) == ("1", True)
    assert run.settings.storage_root == str(tmp_path / "store")
    assert (run.settings.train.epochs, run.settings.train.device) == (EPOCHS, "cpu")
    assert run.settings.evaluate.device == "cpu"
    run_pipeline(run)  # with a registry of its own, whatever the variable names
    assert (tmp_path / "store" / "registry" / "mlflow.db").is_file()
    assert not (toy.root / "runs").exists()
    other = make_quick_run("2", use_cache=False, train={"epochs": 1})
    assert (other.id, other.use_cache, other.settings.train.epochs) == ("2", False, 1)


def test_a_project_may_define_its_quick_settings(
    toy: Project, request: pytest.FixtureRequest
) -> None:
    (toy.root / "tests").mkdir()
    (toy.root / "tests" / "quick.yaml").write_text("ingest: {rows: 7}\ntrain: {epochs: 2}\n")
    make: MakeRun = request.getfixturevalue("make_quick_run")
    settings = make(train={"threads": 2}).settings
    assert (settings.ingest.rows, settings.train.epochs, settings.train.threads) == (7, 2, 2)


def test_a_wrong_setting_is_named(make_quick_run: MakeRun) -> None:
    with pytest.raises(PipelineError, match=r"train\.epochs"):
        make_quick_run(train={"epochs": 0})
