"""The whole small project in this process: what every stage hands on, and what a refusal does."""

from __future__ import annotations

import pytest
from conftest import MakeRun

from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.runs.summary import summarize


@pytest.mark.slow
def test_a_run_ends_with_a_champion(make_run: MakeRun) -> None:
    run = make_run()
    results = run_pipeline(run)
    assert results["deploy"].version == results["register"].version == 1
    summary = summarize(run.store, run.pipeline, run.id)
    assert summary["status"] == "completed"
    assert summary["model"]["alias"] == "champion"


@pytest.mark.slow
def test_the_same_again_is_reused_and_stays_one_version(make_run: MakeRun) -> None:
    run_pipeline(make_run("1"))
    run = make_run("2")
    results = run_pipeline(run)
    assert results["register"].is_new is False
    states = [stage["status"] for stage in summarize(run.store, run.pipeline, "2")["stages"]]
    assert states == ["reused"] * 5 + ["completed"] * 2


@pytest.mark.slow
def test_a_refused_candidate_is_an_outcome(make_run: MakeRun) -> None:
    run = make_run(register={"min_accuracy": 0.999})
    results = run_pipeline(run)
    assert "deploy" not in results
    summary = summarize(run.store, run.pipeline, run.id)
    assert summary["status"] == "refused"
    assert "is below register.min_accuracy (0.999)" in summary["stages"][5]["reason"]
