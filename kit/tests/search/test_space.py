"""The file of a sweep: its trials, and its possible problems."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.search.space import Sweep
from mlpo_kit.search.sweep import pick_best, plan_sweep, read_sweep

RATE, WIDTH = "train.learning_rate", "train.model.width"
MODEL = '''@section
class ModelSettings:
    """The size of the model."""

    width: Annotated[int, Field(ge=4)] = 32
    blocks: tuple[int, ...] = (1, 1)
    dropout: float = 0.1


@section
class TrainSettings(TrainingSettings):
    """The training; `fail` makes it raise, as a defect would."""

    model: ModelSettings = ModelSettings()
'''


@pytest.fixture(autouse=True)
def nested(toy: Project) -> None:
    """A section in the section of the stage that learns."""
    path = toy.root / "src" / "toy" / "settings.py"
    old = MODEL[MODEL.index("@section", 1) : MODEL.index("    model: ")]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, MODEL))


def changes(**document: Any) -> list[dict[str, Any]]:
    """What the trials of a document change."""
    return [dict(trial.changes) for trial in plan_sweep(document, load_settings())[1]]


def test_the_sweep_file_of_the_project_is_valid() -> None:
    assert changes(**read_sweep("sweep")) == [{RATE: 0.001}, {RATE: 0.003}, {RATE: 0.01}]


def test_a_grid_is_every_combination_in_the_order_of_the_file() -> None:
    found = changes(space={RATE: ["1e-3", 0.01], WIDTH: [8, 16]})
    assert found == [
        {RATE: 0.001, WIDTH: 8},
        {RATE: 0.001, WIDTH: 16},
        {RATE: 0.01, WIDTH: 8},
        {RATE: 0.01, WIDTH: 16},
    ]


def test_a_random_search_depends_on_its_seed_only() -> None:
    space = {
        RATE: {"low": "1e-5", "high": 0.1, "scale": "log"},
        WIDTH: {"low": 8, "high": 11},
        "train.model.blocks": [[1, 1], [2, 2]],
    }
    many = changes(search="random", trials=100, space=space)
    assert many == changes(search="random", trials=100, space=space)
    assert many[:7] == changes(search="random", trials=7, space=space)
    assert many != changes(search="random", trials=100, space=space, seed=8)
    # A setting more changes nothing about the others.
    more = changes(search="random", trials=7, space={**space, "train.seed": [1]})
    assert [{**trial, "train.seed": 1} for trial in many[:7]] == more

    rates = [trial[RATE] for trial in many]
    assert all(1e-5 <= rate <= 0.1 for rate in rates)
    decades = [math.floor(math.log10(rate)) for rate in rates]
    assert all(10 < decades.count(decade) < 40 for decade in (-5, -4, -3, -2))
    assert {trial[WIDTH] for trial in many} == {8, 9, 10, 11}


def test_all_problems_are_reported_at_once() -> None:
    document = {
        "search": "random",
        "metrics": "val_loss",
        "parallelism": 0,
        "space": {
            "train.learning_rat": [1],
            "ingest.path": ["a"],
            "train.epochs": [],
            "train.weight_decay": [0.1, -1, 0.1],
            "train.patience": [3, 4, 3],
            "train.batch_size": {"low": 2.5, "high": 64},
            "train.clip_norm": {"low": 2, "high": 1},
            "train.device": {"low": 1, "high": 2},
            "train.dropout": 3,
        },
    }
    with pytest.raises(PipelineError) as caught:
        changes(**document)
    for problem in (
        "metrics: there is no such setting; did you mean metric?",
        "parallelism: Input should be greater than 0",
        "space.train.learning_rat: train has no such setting; did you mean train.learning_rate?",
        "space.ingest.path: train has no such setting",
        "space.train.epochs: the list is empty",
        "space.train.weight_decay: train.weight_decay: Input should be greater than or equal to 0",
        "space.train.patience: it lists 3 twice",
        "space.train.batch_size: train.batch_size: Input should be a valid integer",
        "space.train.clip_norm: low must be less than high",
        "space.train.device: it is not a number",
        "space.train.dropout: train has no such setting; did you mean train.model.dropout?",
        "trials: set how many trials a random search draws",
    ):
        assert f"\n  {problem}" in str(caught.value)


def test_a_problem_in_the_file_is_reported_with_its_line(toy: Project) -> None:
    path = toy.configs / "sweep.yaml"
    path.write_text(
        "search: gird\nmetric: val_los\nspace:\n  # a comment\n  train.learning_rat: [1]\n"
        "  train.epochs: [0]\n"
    )
    with pytest.raises(PipelineError) as caught:
        plan_sweep(read_sweep("sweep"), load_settings(), "sweep")
    assert str(caught.value).splitlines() == [
        "configs/sweep.yaml is wrong:",
        "  configs/sweep.yaml:1: search: Input should be 'grid' or 'random'",
        "  configs/sweep.yaml:5: space.train.learning_rat: train has no such setting; did you mean "
        "train.learning_rate?",
        "  configs/sweep.yaml:6: space.train.epochs: train.epochs: Input should be greater than 0",
    ]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, "space: this setting has no default: set it"),
        ({"space": {}}, "space: it is empty"),
        ({"space": {RATE: 0.1}}, f"space.{RATE}: neither a list of values nor a range"),
        ({"space": {RATE: {"low": 0.1, "high": 0.2}}}, f"space.{RATE}: a grid needs a list"),
        ({"space": {RATE: [0.1]}, "trials": 3}, "trials: a grid tries every combination"),
        ({"space": {"train.seed": list(range(101))}}, "space: 101 combinations are more than 100"),
        (
            {"space": {WIDTH: [8, 16]}, "search": "random", "trials": 3},
            "trials: the space has only 2 different combinations",
        ),
        (
            {"space": {"train.seed": {"low": 0, "high": 9, "scale": "log"}}, "search": "random"},
            "space.train.seed: low must be more than 0 on a log scale",
        ),
    ],
)
def test_an_invalid_document_is_refused(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(PipelineError, match=r"configs/sweep\.yaml, or the file") as caught:
        changes(**document)
    assert f"\n  {problem}" in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        ("val_los", "metric: Trained of train has no 'val_los'; did you mean val_loss?"),
        ("model", "metric: Trained of train has no 'model'"),  # a reference is no number
        ("metrics.auc", "metric: Trained of train has no 'metrics'"),
    ],
)
def test_a_metric_that_the_stage_does_not_return_is_refused(metric: str, problem: str) -> None:
    with pytest.raises(PipelineError) as caught:
        changes(space={RATE: [0.1]}, metric=metric)
    assert f"\n  {problem}" in str(caught.value)


def test_the_best_is_the_lowest_loss_or_the_highest_accuracy_and_the_first_of_equals() -> None:
    losses = {1: 0.3, 2: 0.1, 3: 0.1, 4: 0.2}
    accuracies = {1: 0.7, 2: 0.8, 3: 0.9, 4: 0.9}
    assert pick_best(Sweep(space={}, metric="val_loss"), losses) == 2
    assert pick_best(Sweep(space={}, metric="val_accuracy"), accuracies) == 3
    assert pick_best(Sweep(space={}, metric="val_loss"), {}) is None
    assert pick_best(Sweep(space={}, metric="val_accuracy", best="lowest"), accuracies) == 1
    assert pick_best(Sweep(space={}, metric="val_loss", best="highest"), losses) == 1


@pytest.mark.parametrize(
    ("metric", "is_higher_better"),
    [
        ("val_loss", False),
        ("rmse", False),
        ("val_accuracy", True),
        ("metrics.macro_f1", True),
        ("val_roc_auc", True),
        ("R2", True),
        ("mape", False),  # not `map`
    ],
)
def test_the_name_of_a_metric_implies_its_direction(metric: str, is_higher_better: bool) -> None:
    assert Sweep(space={}, metric=metric).takes_highest == is_higher_better


def test_a_sweep_of_trials_on_several_machines_is_refused() -> None:
    settings = load_settings("local", ["train.nodes=2"])
    with pytest.raises(PipelineError, match=r"train\.nodes is 2, but a trial runs on one machine"):
        plan_sweep({"space": {RATE: [0.1]}}, settings)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(PipelineError, match=r"there is no sweep file .*configs/many\.yaml"):
        read_sweep("many")
