"""An export finds its version by number, run or alias, and says what is missing."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from clones import Enter, enter, export, train

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.settings import load_settings
from mlpo_kit.execution.inprocess import collect_inputs
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.models.registry import open_registry
from mlpo_kit.runs.records import read_trials
from mlpo_kit.runs.summary import read_latest_id
from mlpo_kit.runs.workspace import Run
from mlpo_kit.search.sweep import plan_sweep, read_sweep
from mlpo_kit.search.trials import choose_trial, run_trial
from mlpo_kit.search.view import read_outcome
from mlpo_kit.store import open_store
from mlpo_kit.store.files import hash_file, read_json, write_json

__all__ = ["enter"]  # a fixture
pytestmark = pytest.mark.slow


def read_manifest(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as file:
        document: dict[str, object] = json.loads(file.read("manifest.json"))
    return document


@pytest.mark.full
def test_a_version_is_found_by_its_number_its_run_or_as_champion(
    enter: Enter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = enter("ours")
    train("a-1")
    train("a-2", "train.epochs=4")
    train("a-3")  # the same model as a-1
    (tmp_path / "out").mkdir()
    for which, number, run_id in (
        ("champion", 1, "a-1"),
        ("1", 1, "a-1"),
        ("2", 2, "a-2"),
        ("a-2", 2, "a-2"),
        ("a-3", 1, "a-3"),
    ):
        exported = export(tmp_path / f"{which}.zip", which)
        manifest = read_manifest(exported.path)
        assert (manifest["version"], manifest["run_id"], exported.run_id) == (
            number,
            run_id,
            run_id,
        )
        assert exported.sha256 == hash_file(exported.path)
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "champion.zip").read_bytes()

    assert main(["export", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["path"] == str(root / "toy-2.zip")
    assert (root / "toy-2.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    assert main(["export", "--to", str(tmp_path / "out")]) == 0
    assert "SHA-256" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["toy-1.zip"]


def test_what_can_not_be_exported_is_told(
    enter: Enter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = enter("ours")

    def refuse(which: str) -> str:
        assert main(["export", which, "--to", str(tmp_path / "m.zip")]) == 1
        assert not (tmp_path / "m.zip").exists()
        return capsys.readouterr().err

    assert "no model is deployed yet: `make run` trains and deploys one" in refuse("champion")
    assert "there is no version 1 of toy: `make run` registers one" in refuse("1")
    train("a-1")
    train("a-2", "register.min_accuracy=0.999")
    assert "there is no version 7 of toy: the newest is 1" in refuse("7")
    assert "run a-2 registered no version: its status is refused" in refuse("a-2")
    assert "there is no run 'none'" in refuse("none")

    record = read_json(root / "runs/a-1/deploy.json")
    write_json(root / "runs/a-1/deploy.json", {**record, "state": "running"})
    store = open_store(load_settings())
    with store.stage_lock("a-1", "deploy"):
        assert "run a-1 is still running: export it when it has ended" in refuse("a-1")

    model = root / "runs/a-1/train/model.json"
    content = model.read_bytes()
    model.write_bytes(b"x")
    assert "the weights of version 1 are gone" in refuse("champion")
    model.write_bytes(content)
    (root / "runs/a-1/train.json").unlink()
    assert "records of run a-1 do not name the weights of version 1" in refuse("champion")


@pytest.mark.full
def test_a_version_whose_run_was_pruned_is_exported_with_the_run_of_its_weights(
    enter: Enter, tmp_path: Path
) -> None:
    enter("ours")
    train("a-1", "register.min_accuracy=0.999")  # trains it, and is refused
    train("a-2")  # reuses and registers it
    store = open_store(load_settings())
    store.delete_tree("runs/a-2")
    exported = export(tmp_path / "m.zip")
    assert exported.run_id == "a-1"
    assert read_latest_id(store) is not None
    enter("theirs")
    assert main(["import", str(exported.path), "--promote"]) == 0
    champion = open_registry(load_settings()).champion()
    assert champion is not None
    assert champion.run_id == "a-1-imported"


def sweep() -> None:
    """Run the sweep of the current project."""
    run = Run("sweep-1", "metaflow", load_settings())
    described, trials = plan_sweep(read_sweep("sweep"), run.settings)
    results: dict[str, Any] = {}
    for stage in run.pipeline.values():
        inputs = collect_inputs(stage, results)
        if stage.name == "train":
            outcomes = [run_trial(run, trial, **inputs) for trial in trials]
            results[stage.name] = choose_trial(run, described, trials, outcomes)
        else:
            results[stage.name] = run_stage(run, stage, **inputs)


@pytest.mark.full
def test_the_trials_of_a_sweep_come_along(enter: Enter, tmp_path: Path) -> None:
    enter("ours")
    sweep()
    exported = export(tmp_path / "m.zip")
    enter("theirs")
    assert main(["import", str(exported.path)]) == 0
    store = open_store(load_settings())
    assert [trial.stage for trial in read_trials(store, "sweep-1-imported")] == [
        "train-1",
        "train-2",
        "train-3",
    ]
    outcome = read_outcome(store, "sweep-1-imported")
    assert outcome is not None
    assert outcome["chosen"] == "train-2"
