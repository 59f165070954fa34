"""A sweep in a run: each trial has its own record, and the best one is the run's result."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from conftest import MakeRun

from mlpo_kit.config.project import Project
from mlpo_kit.config.sections import RetentionSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import collect_inputs
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.retention.inventory import gather_facts
from mlpo_kit.retention.policy import DAY, make_plan
from mlpo_kit.runs.pipeline import Pipeline, Stage, load_pipeline
from mlpo_kit.runs.records import read_record, read_trials, take_over
from mlpo_kit.runs.summary import LATEST, summarize
from mlpo_kit.runs.usage import Usage
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.search.sweep import plan_sweep
from mlpo_kit.search.trials import choose_trial, run_trial
from mlpo_kit.search.view import draw_trials, format_trials, read_outcome


def quick_training(section: Any, work: Workspace, **inputs: Any) -> Any:
    """A training whose loss is its learning rate, without the training."""
    if section.learning_rate > 1:
        raise PipelineError("the loss is no longer a number")
    loss = section.learning_rate
    epoch = {"epoch": 1, "train_loss": loss, "val_loss": loss, "val_accuracy": 1 - loss}
    stage = work.run.pipeline[work.run.pipeline.training_stage]
    return stage.result(
        model=work.save_json("model.json", {"factor": 1 - loss, "rows": 1}),
        history=work.save_text("history.jsonl", json.dumps(epoch) + "\n"),
        best_epoch=1,
        val_loss=loss,
        val_accuracy=1 - loss,
        samples_per_second=100.0,
        device="cpu",
        usage=Usage("cpu", 0, 1.0, 0.9, 0.0, 1),
    )


def replace_training(run: Run, function: Any) -> Run:
    """The run with another function in the place of the stage that learns."""
    pipeline = load_pipeline()
    stage = pipeline[pipeline.training_stage]
    function.__module__ = stage.module  # its code counts in the key
    changed: dict[str, Stage[Any]] = {**pipeline, stage.name: stage.with_function(function)}
    settings = {name: vars(pipeline)[name] for name in ("package", "gate", "training_stage")}
    return replace(run, pipeline=Pipeline(*changed.values(), **settings))


@pytest.fixture
def make_quick_run(make_run: MakeRun) -> MakeRun:
    return lambda *arguments, **sections: replace_training(
        make_run(*arguments, **sections), quick_training
    )


def run_stages_before(run: Run) -> dict[str, Any]:
    """The inputs of the stage that learns, made by the stages before it."""
    results: dict[str, Any] = {}
    for stage in run.pipeline.values():
        if stage.name == run.pipeline.training_stage:
            return collect_inputs(stage, results)
        results[stage.name] = run_stage(run, stage, **collect_inputs(stage, results))
    raise AssertionError("no stage learns")


def run_sweep(run: Run, *rates: float, **document: Any) -> Any:
    """The first stages, then a trial per learning rate, and the choice."""
    inputs = run_stages_before(run)
    space = {f"{run.pipeline.training_stage}.learning_rate": list(rates)}
    sweep, trials = plan_sweep({"space": space, **document}, run.settings)
    outcomes = [run_trial(run, trial, **inputs) for trial in trials]
    return choose_trial(run, sweep, trials, outcomes)


def states(run: Run) -> dict[str, Any]:
    """What is known of the trials of a run: state and cache."""
    return {r.stage: (r.state, r.cache) for r in read_trials(run.store, run.id)}


def test_the_best_trial_becomes_the_result_of_the_run(make_quick_run: MakeRun) -> None:
    run = make_quick_run()
    trained = run_sweep(run, 0.5, 1e30, 0.2, 0.3)
    assert trained.val_loss == 0.2
    assert trained.model.key == "runs/1/train-3/model.json"
    chosen = read_record(run.store, "1", "train")
    assert chosen is not None
    assert (chosen.state, chosen.cache_reason) == ("completed", "best of 4 trials: train-3")
    assert chosen.settings["learning_rate"] == 0.2  # so the registry says what it was
    summary = run.store.read_json(LATEST)
    assert summary["model"]["digest"] == trained.model.sha256
    assert summary["status"] == "incomplete"  # a trial that failed is no failure of the run
    assert states(run)["train-2"] == ("failed", "miss")

    found = read_outcome(run.store, "1")
    assert found is not None
    table = format_trials(found).splitlines()
    assert table[-2].startswith("*  train-3  0.2")
    assert table[-3].split()[:3] == ["train-2", "1e+30", "failed"]
    assert table[-3].endswith("the loss is no longer a number")
    drawn = draw_trials(run.store, "1")
    assert drawn is not None
    (chart,) = drawn["charts"]
    assert (chart["name"], len(chart["dots"])) == ("learning_rate", 3)
    assert [dot["is_best"] for dot in chart["dots"]] == [False, True, False]
    assert drawn["rows"][1][-1] == "the loss is no longer a number"


@pytest.mark.slow
def test_the_highest_value_wins_if_the_file_says_so(make_quick_run: MakeRun) -> None:
    assert run_sweep(make_quick_run("1"), 0.5, 0.2, best="highest").val_loss == 0.5
    assert run_sweep(make_quick_run("2"), 0.5, 0.2, metric="val_accuracy").val_loss == 0.2
    # What the usage says is a number too, in a group of its own.
    run = make_quick_run("3")
    assert run_sweep(run, 0.5, 0.2, metric="usage.seconds").val_loss == 0.5
    with pytest.raises(PipelineError, match=r"train-1 .*: it returned no number usage\.nothing"):
        run_sweep(make_quick_run("4"), 0.5, 0.2, metric="usage.nothing")
    summary = summarize(run.store, run.pipeline, "4")
    assert summary["status"] == "failed"


@pytest.mark.slow
def test_a_repeated_trial_is_reused(make_quick_run: MakeRun) -> None:
    run_sweep(make_quick_run("1"), 0.5, 0.2)
    trained = run_sweep(make_quick_run("2"), 0.2, 0.5, 0.3)
    assert trained.model.key == "runs/1/train-2/model.json"
    second = make_quick_run("2")
    assert states(second) == {
        "train-1": ("reused", "hit"),
        "train-2": ("reused", "hit"),
        "train-3": ("completed", "miss"),
    }
    # A plain run with the settings of a trial is served what it made.
    plain = make_quick_run("3", train={"learning_rate": 0.3})
    inputs = run_stages_before(plain)
    assert run_stage(plain, plain.pipeline["train"], **inputs).val_loss == 0.3
    record = read_record(plain.store, "3", "train")
    assert record is not None
    assert (record.cache, record.cache_reason) == ("hit", "as in run 2/train-3")


@pytest.mark.slow
def test_trials_are_kept_with_their_run_and_the_runs_that_reuse_them(
    make_quick_run: MakeRun,
) -> None:
    run_sweep(make_quick_run("1"), 0.5, 0.2, 0.3)
    run_sweep(make_quick_run("2"), 0.3, 0.6)
    store = make_quick_run().store
    strict = RetentionSettings(keep_last=1)  # keeps the newest, and so what it has used
    made = make_plan(gather_facts(store), strict, 1, time.time() + 9 * DAY)
    assert {place for place in made.places if "train" in place[1]} == {
        ("1", "train-1"),
        ("1", "train-2"),
    }
    patient = RetentionSettings(keep_last=1, keep_failed_days=20)
    assert not make_plan(gather_facts(store), patient, 1, time.time() + 9 * DAY).places


def test_a_resumed_run_has_the_outcome_of_the_sweep(make_quick_run: MakeRun) -> None:
    run_sweep(make_quick_run("1"), 0.5, 0.2)
    resumed = make_quick_run("2")
    names = resumed.pipeline.names
    take_over(resumed.store, "1", "2", names[: names.index("evaluate")], "train")
    taken = read_record(resumed.store, "2", "train")
    assert taken is not None
    assert taken.outputs["model"].key == "runs/1/train-2/model.json"
    assert read_outcome(resumed.store, "2") == read_outcome(resumed.store, "1")


def test_a_sweep_without_a_good_trial_fails_with_every_reason(make_quick_run: MakeRun) -> None:
    run = make_quick_run()
    with pytest.raises(PipelineError) as caught:
        run_sweep(run, 1e30, 1e29)
    for reason in (
        "train-1 (learning_rate 1e+30): the loss is no longer",
        "train-2 (learning_rate 1e+29): the loss is no longer",
    ):
        assert reason in str(caught.value)
        assert reason in run.store.read_json(LATEST)["stages"][3]["reason"]
    assert summarize(run.store, run.pipeline, "1")["status"] == "failed"


def test_a_failed_trial_does_not_stop_the_others(make_run: MakeRun) -> None:
    def fail_once(section: Any, work: Workspace, **inputs: Any) -> Any:
        if section.learning_rate == 0.2:
            raise RuntimeError("a defect")
        return quick_training(section, work, **inputs)

    run = replace_training(make_run(), fail_once)
    assert run_sweep(run, 0.2, 0.3).val_loss == 0.3
    assert states(run) == {"train-1": ("failed", "miss"), "train-2": ("completed", "miss")}


def test_a_run_is_running_while_a_trial_is(make_run: MakeRun) -> None:
    seen: list[str] = []

    def stop(section: Any, work: Workspace, **inputs: Any) -> Any:
        seen.append(summarize(work.store, work.run.pipeline, work.run.id)["status"])
        raise KeyboardInterrupt

    run = replace_training(make_run(), stop)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(run, 0.1, 0.2)
    assert seen == ["running"]
    summary = summarize(run.store, run.pipeline, "1")
    assert summary["status"] == "interrupted"
    assert "stopped in train-1" in summary["stages"][3]["reason"]


@pytest.fixture
def other_stage(toy: Project) -> None:
    """The small project with a stage `learn` in the place of `train`."""
    source = toy.root / "src" / "toy"
    (source / "stages" / "train.py").rename(source / "stages" / "learn.py")
    for path, old, new in (
        (source / "stages" / "learn.py", "def train(", "def learn("),
        (source / "settings.py", "    train: TrainSettings", "    learn: TrainSettings"),
        (source / "pipeline.py", 'Stage("train"', 'Stage("learn"'),
        (source / "pipeline.py", '"train.', '"learn.'),
        (source / "pipeline.py", "    package=", '    training_stage="learn",\n    package='),
        (toy.configs / "base.yaml", "train:", "learn:"),
        (toy.configs / "local.yaml", "train:", "learn:"),
        (toy.configs / "sweep.yaml", "train.", "learn."),
    ):
        text = path.read_text()
        assert old in text, path
        path.write_text(text.replace(old, new))


def test_a_sweep_varies_the_training_stage_of_the_pipeline(
    other_stage: None, make_run: MakeRun
) -> None:
    run = make_run()
    trained = run_sweep(run, 0.5, 0.004, 0.2)
    assert trained.model.key == "runs/1/learn-2/model.json"
    assert states(run).keys() == {"learn-1", "learn-2", "learn-3"}
    assert summarize(run.store, run.pipeline, "1")["status"] == "incomplete"
    outcome = read_outcome(run.store, "1")
    assert outcome is not None
    assert outcome["chosen"] == "learn-2"
    with pytest.raises(PipelineError, match=r"space\.train\.learning_rate: learn has no such sett"):
        plan_sweep({"space": {"train.learning_rate": [0.1]}}, run.settings)
