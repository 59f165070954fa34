"""What a notebook opens: models that predict, and runs with their curves, files and data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MakeRun
from scaffold import MakeRun as MakeProjectRun

import mlpo_kit
from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import collect_inputs, run_pipeline
from mlpo_kit.models.classification import measure_classes
from mlpo_kit.notebook.drawing import draw_history
from mlpo_kit.notebook.models import BATCH
from mlpo_kit.runs.pipeline import Pipeline, Stage
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.search.sweep import plan_sweep
from mlpo_kit.search.trials import choose_trial, run_trial

ROOT = Path(mlpo_kit.__file__).parents[1]


@pytest.mark.slow
def test_the_champion_a_version_and_a_run_are_opened(make_run: MakeRun, registry: Path) -> None:
    run_pipeline(make_run("a-1"))
    run_pipeline(make_run("a-2", train={"epochs": 4}))
    run_pipeline(make_run("a-3", register={"min_accuracy": 0.99}))  # refused
    assert mlpo_kit.open_model().version == 2
    model = mlpo_kit.open_model(1)
    assert (model.version, model.run.id) == (1, "a-1")
    assert model.metrics["accuracy"] == pytest.approx(0.9667, abs=1e-4)
    assert model.metrics.keys() == {"accuracy", "log_loss"}
    assert mlpo_kit.open_model("1").version == mlpo_kit.open_model("a-1").version == 1
    refused = mlpo_kit.open_model("a-3")
    assert (refused.version, refused.run.status) == (None, "refused")
    assert refused.weights == model.weights  # it reused the training of a-1
    rows = np.arange(BATCH * 2 + 3)
    factor = model.predict([1])["values"][0]
    assert model.predict(rows) == {"values": [factor * row for row in range(len(rows))]}
    with pytest.raises(ValueError, match="rows must be numbers"):
        model.predict(["one"])


@pytest.mark.slow
def test_a_run_is_opened_with_all_that_it_recorded(make_run: MakeRun, registry: Path) -> None:
    run_pipeline(make_run("a-1"))
    run_pipeline(make_run("a-2"), last="train")
    run = mlpo_kit.open_run("a-1")
    assert (run.id, run.status) == ("a-1", "completed")
    assert run.settings["train"]["epochs"] == 3
    assert run.metrics.keys() == {"accuracy", "log_loss"}
    assert [epoch["epoch"] for epoch in run.history] == [1, 2, 3]
    assert "Run a-1" in run.report
    assert run.draw_history()._repr_html_().count("<svg") == 2
    assert run.read("train.best_epoch") == 3
    assert run.read("train.history") == run.history
    assert run.read("train")["model"]["rows"] == 80
    latest = mlpo_kit.open_run()
    assert (latest.id, latest.status, latest.metrics) == ("a-2", "incomplete", {})
    assert latest.history == run.history  # its training was reused
    for name, words in {
        "trian.model": "run a-1 has no stage 'trian'; did you mean train?",
        "train.modle": "train of run a-1 has no output 'modle'; did you mean model?",
    }.items():
        with pytest.raises(PipelineError) as caught:
            run.read(name)
        assert str(caught.value) == words


def watch_training(run: Run, action: Callable[[], Any]) -> Run:
    """The run, with an action after each of its epochs."""

    def train(settings: Any, work: Workspace, **inputs: Any) -> Any:
        return original(settings, work, **inputs, on_epoch=lambda _: action())

    stage = run.pipeline["train"]
    original = stage.load()
    train.__module__ = stage.module  # its code counts in the key
    stages: dict[str, Stage[Any]] = {**run.pipeline, "train": stage.with_function(train)}
    pipeline = Pipeline(*stages.values(), package=run.pipeline.package, gate=run.pipeline.gate)
    return replace(run, pipeline=pipeline)


def test_a_run_that_trains_has_its_curves_so_far(make_run: MakeRun) -> None:
    seen: list[tuple[str, list[float], int]] = []

    def look() -> None:
        run = mlpo_kit.open_run()
        epochs = [epoch["epoch"] for epoch in run.history]
        seen.append((run.status, epochs, run.draw_history().html.count("<svg")))
        if len(epochs) == 3:
            raise PipelineError("the training has a defect")

    with pytest.raises(PipelineError, match="has a defect"):
        run_pipeline(watch_training(make_run(train={"epochs": 5}), look), last="train")
    assert seen == [("running", [1], 2), ("running", [1, 2], 2), ("running", [1, 2, 3], 2)]
    failed = mlpo_kit.open_run()
    assert (failed.status, len(failed.history), failed.trials) == ("failed", 3, {})
    assert failed.history[0].keys() == {"epoch", "train_loss", "val_loss", "val_accuracy"}


def test_each_trial_of_a_running_sweep_has_its_curves(make_run: MakeRun) -> None:
    seen: list[tuple[Any, ...]] = []

    def look() -> None:
        run = mlpo_kit.open_run()
        trials = run.trials.values()
        seen.append((run.history, *((t.name, t.status, len(t.history)) for t in trials)))

    run = watch_training(make_run(train={"epochs": 2}), look)
    results = run_pipeline(run, last="preprocess")
    space = {"space": {"train.learning_rate": [0.2, 0.004]}}
    sweep, trials = plan_sweep(space, run.settings)
    inputs = collect_inputs(run.pipeline["train"], results)
    outcomes = [run_trial(run, trial, **inputs) for trial in trials]
    first = ("train-1", "completed", 2)
    assert seen == [
        ([], ("train-1", "running", 1)),
        ([], ("train-1", "running", 2)),
        ([], first, ("train-2", "running", 1)),
        ([], first, ("train-2", "running", 2)),
    ]
    choose_trial(run, sweep, trials, outcomes)
    opened = mlpo_kit.open_run()
    assert opened.history == opened.trials["train-2"].history
    assert opened.trials["train-1"].settings["learning_rate"] == 0.2
    assert opened.trials["train-1"].draw_history().html.count("<svg") == 2


@pytest.mark.slow
def test_what_is_not_there_is_told_with_what_brings_it_back(
    make_run: MakeRun, registry: Path, toy: Project
) -> None:
    def tell(action: object) -> str:
        assert callable(action)
        with pytest.raises(PipelineError) as caught:
            action()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "no model is deployed yet: `make run`" in tell(mlpo_kit.open_model)
    assert "there are no runs yet: `make run` starts one" in tell(mlpo_kit.open_run)
    run = make_run("a-1")
    results = run_pipeline(run)
    assert "there is no version 7 of toy: the newest is 1" in tell(lambda: mlpo_kit.open_model(7))
    assert "there is no run 'none'" in tell(lambda: mlpo_kit.open_run("none"))
    assert "there is no run 'none'" in tell(lambda: mlpo_kit.open_model("none"))
    opened = mlpo_kit.open_run()
    run.store.delete([results["train"].history.key])
    words = tell(lambda: opened.history)
    assert words.startswith("the file train.history of run a-1 is gone (store://runs/a-1/train/")
    assert "`make run` writes it again" in words
    run.store.delete([results["ingest"].dataset.key])
    assert "the file dataset of run a-1 is gone" in tell(opened.open_data)
    run.store.delete([results["train"].model.key])
    words = tell(mlpo_kit.open_model)
    assert "the weights of version 1 are gone" in words
    assert "`mlpo-kit import` takes them from an exported file" in words
    run_pipeline(make_run("a-2", use_cache=False))
    run.store.delete_tree("runs/a-1")
    assert mlpo_kit.open_model().run.id == "a-2"  # which holds the weights
    stopped = make_run("a-4")
    run_pipeline(stopped, last="ingest")
    assert "run a-4 trained no model" in tell(lambda: mlpo_kit.open_model("a-4"))
    assert "run a-4 has prepared no data" in tell(mlpo_kit.open_run("a-4").open_data)
    (toy.root / "runs" / "a-5").mkdir()
    assert "run a-5 can't be read" in tell(lambda: mlpo_kit.open_run("a-5"))


@pytest.mark.full
@pytest.mark.slow
def test_the_model_predicts_its_test_data_as_it_was_evaluated(
    make_project_run: MakeProjectRun,
) -> None:
    run_pipeline(make_project_run("1"), last="evaluate")
    run = mlpo_kit.open_run("1")
    data = run.open_data()
    assert data.keys() == {"train", "val", "test"}
    test = data["test"]
    predictions = mlpo_kit.open_model("1").predict(test.read_samples())
    assert predictions.keys() == {"labels", "probabilities"}
    probabilities = np.asarray(predictions["probabilities"], np.float32)
    assert probabilities == pytest.approx(run.read("evaluate.predictions")["probabilities"])
    measured = measure_classes(probabilities, test.targets, run.read("ingest.classes"))
    assert measured["metrics"]["accuracy"] == run.metrics["accuracy"]
    assert run.read("evaluate.report")["classes"] == run.read("ingest.classes")


def test_a_history_is_drawn_without_a_package_for_plots() -> None:
    drawing = draw_history([{"epoch": 1, "train_<b>": 1.0}, {"epoch": 2, "train_<b>": 0.5}])
    assert "<b></b>" not in drawing.html
    assert "&lt;b&gt;" in drawing.html
    assert 'points="0.00,0.00 100.00,100.00"' in drawing.html
    assert draw_history([]).html == "<p>There is no history yet.</p>"


@pytest.mark.slow
def test_opening_a_run_does_not_import_mlflow_or_torch(make_run: MakeRun, toy: Project) -> None:
    run_pipeline(make_run("a-1"), last="train")
    code = (
        "import sys, mlpo_kit; run = mlpo_kit.open_run(); print(run.history[0]['epoch']); "
        "run.draw_history(); print(sorted({'mlflow', 'torch', 'jinja2'} & set(sys.modules)))"
    )
    folder = toy.root / "notebooks"
    folder.mkdir()  # the project is found from any folder in it
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{toy.root / 'src'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n[]\n"
