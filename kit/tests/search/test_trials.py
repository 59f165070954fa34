"""A sweep in a run: every trial in a place of its own, the best as what the run has trained."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from mlpo_kit.runs import records

from mlpo_kit.reports import page as report

from mlpo_kit.search import view as sweep_view

from mlpo_kit.search import trials
from mlpo_kit.errors import PipelineError
from mlpo_kit.retention.inventory import gather
from mlpo_kit.config.sections import RetentionSettings
from mlpo_kit.retention.policy import DAY, make_plan
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.store.base import Ref
from mlpo_kit.search.sweep import plan
from mlpo_kit.runs.usage import Usage
from mlpo_kit.runs.workspace import Run, Workspace
from {{ package }}.settings import TrainSettings
from {{ package }}.stages import (
    INGEST,
    PREPROCESS,
    TRAIN,
    VALIDATE,
    Trained,
)

from conftest import MakeRun


def quick_training(section: TrainSettings, work: Workspace, splits: Ref) -> Trained:
    """A training whose loss is its learning rate, without the training."""
    if section.learning_rate > 1:
        raise PipelineError("the loss is no longer a number")
    loss = section.learning_rate
    epoch = {"epoch": 1, "train_loss": loss, "val_loss": loss, "val_accuracy": 1 - loss}
    work.path("model").write_text(str(loss))
    work.path("history").write_text(json.dumps(epoch) + "\n")
    return Trained(
        model=work.ref("model"),
        history=work.ref("history"),
        best_epoch=1,
        val_loss=loss,
        val_accuracy=1 - loss,
        parameters=10,
        samples_per_second=100.0,
        device="cpu",
        precision="float32",
        data="1 MiB in memory",
        usage=Usage("cpu", 0, 1.0, 0.9, 0.0, 1),
    )


QUICK_TRAIN = replace(TRAIN, body=quick_training)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "TRAIN", QUICK_TRAIN)


def sweep_in(run: Run, *rates: float) -> Trained:
    """The first stages, then a trial per learning rate, and the choice."""
    splits = run_stage(run, PREPROCESS, dataset=run_stage(run, INGEST).dataset).splits
    run_stage(run, VALIDATE, splits=splits)
    planned = plan({"space": {"train.learning_rate": list(rates)}}, run.settings)
    outcomes = [trials.attempt(run, trial, splits) for trial in planned[1]]
    return trials.choose(run, *planned, outcomes)


def states(run: Run) -> dict[str, Any]:
    """What is known of the trials of a run: state and cache."""
    return {r.stage: (r.state, r.cache) for r in records.read_trials(run.store, run.id)}


def test_the_best_trial_is_what_the_run_has_trained(make_run: MakeRun) -> None:
    run = make_run()
    trained = sweep_in(run, 0.5, 1e30, 0.2, 0.3)
    assert trained.val_loss == 0.2
    assert trained.model.key == "runs/1/train-3/model"
    chosen = records.read(run.store, "1", "train")
    assert chosen is not None
    assert (chosen.state, chosen.reason) == ("ok", "best of 4 trials: train-3")
    assert chosen.settings["learning_rate"] == 0.2  # so the registry says what it was
    summary = run.store.read_json(records.LATEST)
    assert summary["model"]["digest"] == trained.model.sha256
    assert summary["status"] == "incomplete"  # a trial that failed is no failure of the run
    assert states(run)["train-2"] == ("failed", "miss")

    found = sweep_view.read(run.store, "1")
    assert found is not None
    table = sweep_view.as_table(found).splitlines()
    assert table[-2].startswith("*  train-3  0.2")
    page = report.build(run.store, "1")
    assert "val_loss by learning_rate" in page
    assert page.count("<circle") == 3
    assert "the loss is no longer a number" in page


def test_what_was_tried_is_not_trained_again(make_run: MakeRun) -> None:
    sweep_in(make_run("1"), 0.5, 0.2)
    trained = sweep_in(make_run("2"), 0.2, 0.5, 0.3)
    assert trained.model.key == "runs/1/train-2/model"
    second = make_run("2")
    assert states(second) == {
        "train-1": ("ok", "hit"),
        "train-2": ("ok", "hit"),
        "train-3": ("ok", "miss"),
    }
    # A plain run with the settings of a trial is served what it made.
    plain = make_run("3", train={"learning_rate": 0.3})
    splits = run_stage(plain, PREPROCESS, dataset=run_stage(plain, INGEST).dataset).splits
    assert run_stage(plain, QUICK_TRAIN, splits=splits).val_loss == 0.3
    record = records.read(plain.store, "3", "train")
    assert record is not None
    assert (record.cache, record.reason) == ("hit", "as in run 2/train-3")


def test_trials_stay_with_their_run_and_with_who_uses_them(make_run: MakeRun) -> None:
    sweep_in(make_run("1"), 0.5, 0.2, 0.3)
    sweep_in(make_run("2"), 0.3, 0.6)
    store = make_run().store
    strict = RetentionSettings(keep_last=1)  # keeps the newest, and so what it has used
    made = make_plan(gather(store), strict, 1, time.time() + 9 * DAY)
    assert {place for place in made.places if "train" in place[1]} == {
        ("1", "train-1"),
        ("1", "train-2"),
    }
    patient = RetentionSettings(keep_last=1, keep_failed_days=20)
    assert not make_plan(gather(store), patient, 1, time.time() + 9 * DAY).places


def test_a_resumed_run_knows_what_the_sweep_has_found(make_run: MakeRun) -> None:
    sweep_in(make_run("1"), 0.5, 0.2)
    resumed = replace(make_run("2"), resumes="1")
    records.take_over(resumed.store, "1", "2", before="evaluate")
    taken = records.read(resumed.store, "2", "train")
    assert taken is not None
    assert taken.outputs["model"].key == "runs/1/train-2/model"
    assert sweep_view.read(resumed.store, "2") == sweep_view.read(resumed.store, "1")


def test_a_sweep_without_a_good_trial_fails_with_every_reason(make_run: MakeRun) -> None:
    run = make_run()
    with pytest.raises(PipelineError) as caught:
        sweep_in(run, 1e30, 1e29)
    for reason in (
        "train-1 (learning_rate 1e+30): the loss is no longer",
        "train-2 (learning_rate 1e+29): the loss is no longer",
    ):
        assert reason in str(caught.value)
        assert reason in run.store.read_json(records.LATEST)["stages"][3]["reason"]
    assert records.summarise(run.store, "1")["status"] == "failed"


def test_a_trial_that_runs_is_a_run_that_runs(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def stopped(section: TrainSettings, work: Workspace, splits: Ref) -> Trained:
        seen.append(records.summarise(work.store, work.run.id)["status"])
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "TRAIN", replace(TRAIN, body=stopped))
    run = make_run()
    with pytest.raises(KeyboardInterrupt):
        sweep_in(run, 0.1, 0.2)
    assert seen == ["running"]
    summary = records.summarise(run.store, "1")
    assert summary["status"] == "failed"
    assert "stopped in train-1" in summary["stages"][3]["reason"]
