"""The pipeline as data: inconsistencies are reported at once, and a refusal has a reason."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from conftest import MakeRun
from hypothesis import given
from hypothesis import strategies as st

from mlpo_kit import Gate, Pipeline, PipelineError, Ref, Stage, load_pipeline
from mlpo_kit.config import Project
from mlpo_kit.execution.tracking import locate_state
from mlpo_kit.retention.marks import locate_mark
from mlpo_kit.runs.imports import locate_import
from mlpo_kit.runs.pipeline import OTHER_FILES
from mlpo_kit.runs.records import locate_sweep
from mlpo_kit.runs.start import locate_start


@dataclass(frozen=True)
class Made:
    """A reference and a value."""

    file: Ref
    score: float


def fail(*stages: Stage[Made], **options: object) -> list[str]:
    with pytest.raises(PipelineError) as caught:
        Pipeline(*stages, package="p", **{"training_stage": "train", **options})  # type: ignore[arg-type]
    first, *problems = str(caught.value).split("\n  ")
    assert first == "p: PIPELINE does not fit:"
    return problems


def test_all_inconsistencies_are_reported_at_once() -> None:
    assert fail(
        Stage("train", Made, splits="later.file"),
        Stage("later", Made, model="train.flie"),
        Stage("later", Made),
        Stage("odd", dict),  # type: ignore[arg-type]
        gate=Gate("trian.score", bound="x.y"),
        training_stage="tarin",
    ) == [
        "train.splits: there is no earlier stage 'later'",
        "later.model: train has no output 'flie'; did you mean file?",
        "later: there are two stages of this name",
        "odd: its result is not a dataclass: <class 'dict'>",
        "gate: there is no earlier stage 'trian'; did you mean train?",
        "training_stage: there is no stage 'tarin'; did you mean train?",
    ]


@pytest.mark.parametrize(("name", "file"), OTHER_FILES.items())
def test_a_stage_that_would_overwrite_a_file_of_its_run_is_refused(name: str, file: str) -> None:
    assert fail(Stage("train", Made), Stage(name, Made)) == [
        f"{name}: a run has a file {file} of its own, which a stage of this name would overwrite: "
        f"rename it, as in {name}_model"
    ]


def test_no_stage_can_have_the_name_of_a_file_of_its_run() -> None:
    keys = [locate_start("1"), locate_sweep("1"), locate_import("1"), locate_mark("1")]
    files = {key.removeprefix("runs/1/") for key in (*keys, locate_state("1"))}
    assert files <= {*OTHER_FILES.values()}
    others = ("runs", "latest", "snapshots", "progress")  # which are no files of a run's folder
    Pipeline(Stage("train", Made), *(Stage(name, Made) for name in others), package="p")


def test_a_misspelled_stage_gets_a_suggestion(toy: Project) -> None:
    with pytest.raises(PipelineError) as caught:
        load_pipeline()["evalute"]
    assert str(caught.value) == "there is no stage 'evalute'; did you mean evaluate?"


def test_the_graph_is_plain_values(toy: Project) -> None:
    document = load_pipeline().to_document()
    assert document["schema_version"] == 1
    assert [stage["name"] for stage in document["stages"]] == list(load_pipeline().names)
    train = document["stages"][3]
    assert train["inputs"] == {"dataset": "preprocess.dataset", "splits": "preprocess.splits"}
    assert train["outputs"]["model"] == "reference"
    assert train["outputs"]["val_loss"] == "value"
    assert document["gate"] == {
        "metric": "evaluate.metrics.accuracy",
        "bound": "register.min_accuracy",
        "margin": "register.max_regression",
        "direction": "higher",
    }


def test_a_run_knows_its_pipeline_and_its_store(make_run: MakeRun) -> None:
    run = make_run()
    assert run.pipeline.names[0] == "ingest"
    assert run.store.children("") == run.store.children("")


HIGHER = Gate("evaluate.accuracy", bound="register.min_accuracy", margin="register.max_regression")
LOWER = Gate(
    "evaluate.rmse", bound="register.max_rmse", margin="register.margin", direction="lower"
)


def test_a_refusal_has_its_reason() -> None:
    assert HIGHER.judge(0.9, 0.8).reason is None
    assert HIGHER.judge(0.7, 0.8).reason == (
        "accuracy 0.7000 is below register.min_accuracy (0.8): not registered"
    )
    assert HIGHER.judge(0.7, 0.8, champion=0.9).reason == (
        "accuracy 0.7000 is below register.min_accuracy (0.8): not registered; the champion stays"
    )
    assert LOWER.judge(3.0, 2.0).reason == (
        "rmse 3.0000 is above register.max_rmse (2): not registered"
    )
    assert LOWER.judge(1.9, 2.0, champion=1.5, margin=0.1).reason == (
        "rmse 1.9000 is worse than the champion's 1.5000 by more than register.margin (0.1): not "
        "registered; the champion stays"
    )
    assert HIGHER.judge(float("nan"), 0.0).reason is not None


numbers = st.floats(-1e6, 1e6)


@pytest.mark.slow
@given(numbers, numbers, st.none() | numbers, st.floats(0, 1e6))
def test_directions_mirror_each_other(
    value: float, bound: float, champion: float | None, margin: float
) -> None:
    mirrored = None if champion is None else -champion
    higher = HIGHER.judge(value, bound, champion, margin)
    assert higher.is_passed == LOWER.judge(-value, -bound, mirrored, margin).is_passed
    assert higher.is_passed == (value >= bound and (champion is None or value >= champion - margin))
