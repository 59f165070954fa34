"""Properties of every search space: trials are deterministic, longer starts with shorter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("hypothesis")
from conftest import copy_toy, forget_toy
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_kit.config.settings import load_settings
from mlpo_kit.search.sweep import plan_sweep

numbers = st.floats(1e-4, 0.5, allow_subnormal=False)
spaces = st.fixed_dictionaries(
    {
        "train.learning_rate": st.tuples(
            numbers, st.floats(1.1, 100), st.sampled_from(["linear", "log"])
        ).map(lambda given: {"low": given[0], "high": given[0] * given[1], "scale": given[2]})
    },
    optional={
        "train.epochs": st.integers(1, 50).map(lambda low: {"low": low, "high": low + 40}),
        "train.weight_decay": st.lists(st.integers(0, 9).map(float), min_size=1, unique=True),
        "train.precision": st.just(["fp32", "bf16"]),
    },
)
grids = st.dictionaries(
    st.sampled_from(["train.epochs", "train.patience", "train.seed"]),
    st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True),
    min_size=1,
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The settings of the small project."""
    project = copy_toy(tmp_path_factory.mktemp("search"), "metaflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        patch.syspath_prepend(str(project.root / "src"))
        forget_toy()
        yield load_settings()
        forget_toy()


def draw(config: Any, space: dict[str, Any], trials: int, seed: int = 7) -> list[dict[str, Any]]:
    document = {"search": "random", "trials": trials, "seed": seed, "space": space}
    return [dict(trial.changes) for trial in plan_sweep(document, config)[1]]


@given(space=spaces, short=st.integers(1, 12), more=st.integers(0, 12), seed=st.integers(0, 99))
def test_a_longer_random_search_starts_with_a_shorter_one(
    config: Any, space: dict[str, Any], short: int, more: int, seed: int
) -> None:
    longer = draw(config, space, short + more, seed)
    assert draw(config, space, short, seed) == longer[:short]
    assert len(longer) == short + more
    assert all(longer.index(trial) == number for number, trial in enumerate(longer))


@pytest.mark.slow
@given(space=spaces, trials=st.integers(1, 12))
def test_the_same_file_and_settings_give_the_same_trials(
    config: Any, space: dict[str, Any], trials: int
) -> None:
    drawn = draw(config, space, trials)
    assert drawn == draw(config, space, trials)
    again = draw(config, dict(reversed(space.items())), trials)
    assert [sorted(trial.items()) for trial in again] == [sorted(t.items()) for t in drawn]
    rate = space["train.learning_rate"]
    assert all(rate["low"] <= trial["train.learning_rate"] <= rate["high"] for trial in drawn)


@settings(max_examples=30)
@given(space=grids)
def test_a_grid_is_every_combination_once(config: Any, space: dict[str, Any]) -> None:
    trials = plan_sweep({"space": space}, config)[1]
    size = 1
    for values in space.values():
        size *= len(values)
    found = [tuple(trial.changes.values()) for trial in trials]
    assert len(found) == len(set(found)) == size
    assert [trial.number for trial in trials] == list(range(1, size + 1))
    assert plan_sweep({"space": space}, config)[1] == trials
