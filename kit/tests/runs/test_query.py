"""Conditions, order and names: any text is either understood or refused with a sentence."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.overview import RunOverview
from mlpo_kit.runs.query import (
    STATUSES,
    check_names,
    get_value,
    list_names,
    parse_filter,
    parse_since,
    parse_statuses,
    select_runs,
    sort_runs,
)

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(-5, 5),
    st.text("ab1 .", max_size=3),
    st.lists(st.integers(0, 2), max_size=2),
)


def make_run(run_id: str = "1", **settings: Any) -> RunOverview:
    named = {name.replace("_", ".", 1): value for name, value in settings.items()}
    return RunOverview(run_id, 100.0, "completed", metrics={"accuracy": 0.9}, settings=named)


def make_runs(values: list[Any]) -> list[RunOverview]:
    return [make_run(str(number), a_b=value) for number, value in enumerate(values)]


RUNS = st.lists(VALUES, max_size=8).map(make_runs)


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ("train.epochs=5", True),
        ("train.epochs == 5.0", True),
        ("train.epochs=6", False),
        ("train.epochs!=6", True),
        ("train.epochs>=5", True),
        ("train.epochs>5", False),
        ("accuracy>0.89", True),
        ("accuracy<1e-3", False),
        ("train.compile=false", True),
        ("train.compile=0", False),
        ("train.compile!=0", True),
        ("train.name=big", True),
        ("train.name<5", False),
        ("train.name=", None),
        ("train.other=5", False),
        ("train.other!=5", False),
        ("train.sizes=[1, 2]", True),
        ("train.date=2026-02-30", False),
        ("train.sizes=" + "[" * 2_000, False),
        ("status=completed", True),
        ("run=7", True),
    ],
)
def test_a_condition_compares_the_value_of_its_name(condition: str, matches: bool | None) -> None:
    run = make_run("7", train_epochs=5, train_compile=False, train_name="big", train_sizes=[1, 2])
    if matches is None:
        with pytest.raises(PipelineError, match="is not of the form NAME=VALUE"):
            parse_filter(condition)
    else:
        assert parse_filter(condition).matches(run) is matches


@pytest.mark.parametrize("text", ["", "accuracy", "=5", ">0.9", "a b=5"])
def test_a_text_that_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(PipelineError, match="is not of the form NAME=VALUE"):
        parse_filter(text)


def test_an_order_needs_a_number() -> None:
    with pytest.raises(PipelineError, match=r"> compares numbers; 'high' is none"):
        parse_filter("accuracy>high")


@given(st.text("ab1=<>!.-:[]{}'\"#%&*? \n\t\u0667é\0", max_size=20))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    for parse in (parse_filter, lambda words: parse_since(words, 0.0)):
        try:
            parse(text)
        except PipelineError as error:
            assert "--" in str(error)


@given(RUNS, VALUES.filter(lambda value: value is not None))
def test_equal_and_unequal_split_the_runs_that_have_the_value(
    runs: list[RunOverview], wanted: Any
) -> None:
    text = str(wanted).strip() or "x"
    equal = select_runs(runs, [parse_filter(f"a.b={text}")])
    unequal = select_runs(runs, [parse_filter(f"a.b!={text}")])
    known = [run for run in runs if get_value(run, "a.b") is not None]
    assert sorted([*equal, *unequal], key=runs.index) == known


@given(RUNS, st.floats(-5, 5))
def test_below_and_not_below_split_the_numbers(runs: list[RunOverview], bound: float) -> None:
    below = select_runs(runs, [parse_filter(f"a.b<{bound!r}")])
    rest = select_runs(runs, [parse_filter(f"a.b>={bound!r}")])
    numbers = [run for run in runs if type(run.settings["a.b"]) in (int, float)]
    assert sorted([*below, *rest], key=runs.index) == numbers
    assert all(run.settings["a.b"] < bound for run in below)


@given(RUNS)
def test_sorting_loses_no_run_and_puts_those_without_a_value_last(
    runs: list[RunOverview],
) -> None:
    rising, falling = sort_runs(runs, "a.b"), sort_runs(runs, "-a.b")
    missing = [run for run in runs if run.settings["a.b"] is None]
    for ordered in (rising, falling):
        assert sorted(ordered, key=runs.index) == runs
        assert ordered[len(ordered) - len(missing) :] == missing
    numbers = [run.settings["a.b"] for run in rising if type(run.settings["a.b"]) in (int, float)]
    assert numbers == sorted(numbers)
    numbers = [run.settings["a.b"] for run in falling if type(run.settings["a.b"]) in (int, float)]
    assert numbers == sorted(numbers, reverse=True)


def test_runs_with_equal_values_keep_their_order() -> None:
    runs = make_runs([1, 2, 1, 2])
    assert [run.run_id for run in sort_runs(runs, "a.b")] == ["0", "2", "1", "3"]
    assert [run.run_id for run in sort_runs(runs, "-a.b")] == ["1", "3", "0", "2"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30min", 1800), ("12h", 43200), ("7d", 604800), ("2 w", 1209600), ("0.5d", 43200)],
)
def test_an_age_counts_back_from_now(text: str, seconds: float) -> None:
    assert parse_since(text, 5e6) == 5e6 - seconds


def test_a_date_is_the_local_one() -> None:
    assert time.localtime(parse_since("2026-11-30", 0))[:5] == (2026, 11, 30, 0, 0)
    assert time.localtime(parse_since("2026-11-30T09:15", 0))[:5] == (2026, 11, 30, 9, 15)


@pytest.mark.parametrize("text", ["", "7", "7m", "d", "yesterday", "2026-13-01", "-7d", "\u0667d"])
def test_another_time_is_refused(text: str) -> None:
    with pytest.raises(PipelineError, match="is neither an age such as"):
        parse_since(text, 0.0)


def test_statuses_are_checked() -> None:
    assert parse_statuses(["failed,refused", "out of memory"]) == {
        "failed",
        "refused",
        "out of memory",
    }
    assert parse_statuses(STATUSES) == {*STATUSES}
    with pytest.raises(PipelineError, match="no status 'refuse'; did you mean refused"):
        parse_statuses(["refuse"])


def test_conditions_add_up() -> None:
    runs = [RunOverview(str(n), float(n), "failed" if n % 2 else "completed") for n in range(6)]
    chosen = select_runs(runs, [parse_filter("run!=5")], frozenset({"failed"}), since=2.0)
    assert [run.run_id for run in chosen] == ["3"]
    assert select_runs(runs) == runs


def test_unknown_names_are_told_with_what_was_meant() -> None:
    runs = [make_run(train_epochs=5)]
    check_names(["status", "accuracy", "train.epochs"], runs, "--sort")
    assert list_names(runs)[-2:] == ["accuracy", "train.epochs"]
    with pytest.raises(PipelineError) as caught:
        check_names(["train.epoch", "epochs", "nothing"], runs, "--columns")
    assert str(caught.value).split("\n  ") == [
        "--columns: no run has 'train.epoch'; did you mean train.epochs?",
        "--columns: no run has 'epochs'; did you mean train.epochs?",
        "--columns: no run has 'nothing'; `mlpo-kit runs --json` shows all names",
    ]
    check_names(["nothing"], [], "--columns")  # without runs, no name can be known
