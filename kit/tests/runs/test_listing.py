"""The table of runs: 80 characters, ids that are short and still unique, settings that differ."""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_kit.runs.listing import (
    WIDTH,
    Listing,
    describe_runs,
    find_differing_settings,
    format_runs,
    format_stamp,
    format_time,
    shorten_ids,
)
from mlpo_kit.runs.overview import RunOverview

NOON = time.mktime((2026, 11, 29, 12, 0, 0, 0, 0, -1))  # local time
IDS = st.lists(st.text("01", min_size=1, max_size=12), unique=True, max_size=12)


def make_run(run_id: str = "1764394560000000", **values: Any) -> RunOverview:
    run = RunOverview(run_id, NOON, "completed", seconds=12.34, device="cpu")
    return replace(run, metrics={"accuracy": 0.9}, **values)


def show(runs: list[RunOverview], width: int = WIDTH, **more: Any) -> list[str]:
    options = {"run_ids": [r.run_id for r in runs], "total": len(runs), "metric": "accuracy"}
    return format_runs(Listing(runs=runs, **{**options, **more}), NOON, width).split("\n")


@given(IDS, st.data())
def test_a_shortened_id_is_a_part_of_no_other_id(run_ids: list[str], data: st.DataObject) -> None:
    listed = [run_id for run_id in run_ids if data.draw(st.booleans())]
    short = shorten_ids(run_ids, listed)
    assert [*short] == listed
    for run_id, text in short.items():
        fits = [text] if text in run_ids else [other for other in run_ids if text in other]
        assert fits == [run_id]  # as `find_run` decides


@pytest.mark.parametrize("length", [1, 16, 36, 64])
def test_the_table_is_80_characters_wide(length: int) -> None:
    runs = [
        make_run(
            sha256(b"%d" % number).hexdigest()[-length:],
            version=number,
            device=f"cuda: NVIDIA H{number}00",
            settings={f"train.setting_{n}": [number] * n for n in range(30)},
        )
        for number in range(3)
    ]
    lines = show(runs)
    assert max(map(len, lines)) <= WIDTH
    assert "these differ, too (--columns shows them): " in "\n".join(lines)
    assert max(map(len, show(runs, width=200))) > WIDTH


def test_settings_that_differ_are_columns_and_the_most_varied_come_first() -> None:
    values = [(5, 1), (5, 2), (7, 3)]
    runs = [
        make_run(str(n), settings={"train.epochs": epochs, "train.seed": seed, "train.same": 1})
        for n, (epochs, seed) in enumerate(values)
    ]
    assert find_differing_settings(runs) == ["train.seed", "train.epochs"]
    assert show(runs)[:2] == [
        "run  started      status     accuracy  seconds  seed  epochs",
        "0    11-29 12:00  completed  0.9000    12.3     1     5",
    ]


def test_a_section_that_a_run_did_not_reach_is_no_difference() -> None:
    reached = make_run("1", settings={"train.epochs": 5, "register.min": 1})
    failed = make_run("2", settings={"train.epochs": 5})
    assert find_differing_settings([reached, failed]) == []
    started = replace(failed, has_start=True)  # all of its settings are known
    assert find_differing_settings([reached, started]) == ["register.min"]


def test_titles_keep_the_stage_if_they_would_be_the_same() -> None:
    settings = [{"train.rows": n, "evaluate.rows": n} for n in range(2)]
    head = show([make_run(str(n), settings=s) for n, s in enumerate(settings)])[0]
    assert head.endswith("train.rows  evaluate.rows")


def test_columns_are_those_that_were_chosen() -> None:
    run = make_run("1", reason="a\nreason " + "x" * 100, dataset="d" * 64, values={"train.loss": 2})
    lines = show([run], columns=["dataset", "train.loss", "reason", "alias"])
    assert lines == [
        "run  dataset       loss  reason" + " " * 105 + "alias",
        f"1    {'d' * 12}  2     a reason {'x' * 100}",
    ]
    listing = Listing([run], ["1"], 1, columns=["run", "train.loss", "started"])
    assert describe_runs(listing)["runs"] == [
        {"run_id": "1", "train.loss": 2, "started": format_stamp(NOON)}
    ]


def test_the_document_has_everything_that_is_known() -> None:
    run = make_run("1", settings={"train.epochs": 5}, version=3, reason="because")
    document = describe_runs(Listing([run], ["1"], 7, metric="accuracy"))
    assert (document["total"], document["differing"], document["problems"]) == (7, [], [])
    (row,) = document["runs"]
    assert row["run_id"] == "1"
    assert (row["status"], row["reason"], row["seconds"]) == ("completed", "because", 12.34)
    assert (row["metrics"], row["settings"]) == ({"accuracy": 0.9}, {"train.epochs": 5})
    assert row["is_champion"] is None  # not known


def test_the_champion_is_marked() -> None:
    runs = [make_run(str(n), version=n) for n in (1, 2)]
    lines = show(runs, champions=frozenset("2"))
    assert lines[1:3] == [
        "1    11-29 12:00  completed  0.9000    12.3     1",
        "2    11-29 12:00  completed  0.9000    12.3     2 *",
    ]
    assert lines[-1] == "* the champion"
    assert "*" not in "".join(show(runs, champions=frozenset("5")))
    rows = describe_runs(Listing(runs, ["1", "2"], 2, champions=frozenset("2")))["runs"]
    assert [row["is_champion"] for row in rows] == [False, True]


def test_what_is_not_shown_is_counted() -> None:
    runs = [make_run("1")]
    assert show(runs, total=9)[-1] == "1 of 9 runs: --limit 0 lists all"
    assert show([], total=0, run_ids=["1"]) == ["no run meets the conditions"]
    assert show([], total=0) == ["there is no run yet"]
    assert show(runs, problems=["a problem"])[-1] == "note: a problem"


def test_trials_and_devices_have_columns_where_they_tell_runs_apart() -> None:
    runs = [make_run("1"), make_run("1", trial="train-2", device="cuda: NVIDIA H200")]
    lines = show(runs)
    assert lines[0].split() == [
        "run",
        "trial",
        "started",
        "status",
        "accuracy",
        "seconds",
        "device",
    ]
    assert lines[2].endswith("cuda: NVIDIA H200")
    runs[1] = replace(runs[1], sweep_metric="train.loss", values={"train.loss": 0.25})
    assert "accuracy  loss  seconds" in show(runs)[0]


def test_the_year_is_shown_if_it_is_another_one() -> None:
    assert format_stamp(0) == "1970-01-01T00:00:00Z"
    assert format_time(NOON, NOON) == "11-29 12:00"
    assert format_time(NOON - 365 * 86400, NOON) == "2025-11-29"
