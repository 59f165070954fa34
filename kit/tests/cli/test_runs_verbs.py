"""`mlpo-kit runs`, `diff` and `report --compare` on the small project's store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from many_runs import write_run

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import load_settings
from mlpo_kit.store import open_store

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(toy: Project, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in the small project; returns its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as error:
            code = int(str(error.code))
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


@pytest.fixture
def runs(call: Call) -> None:
    """Four runs: 1001 to 1004, an hour apart, the last one refused."""
    store, now = open_store(load_settings()), time.time()
    for number in range(1, 5):
        write_run(
            store,
            f"100{number}",
            started=now - 3600 * (5 - number) - 60,
            accuracy=0.8 + number / 100,
            train={"epochs": number % 2 + 5},
            **({"last": "register", "state": "refused", "reason": "bad"} if number == 4 else {}),  # type: ignore[arg-type]
        )


def read(answer: tuple[int, str, str], code: int = 0) -> Any:
    assert answer[0] == code, answer
    return json.loads(answer[1])


def list_ids(call: Call, *arguments: str) -> list[str]:
    return [row["run_id"] for row in read(call("runs", "--json", *arguments))["runs"]]


@pytest.mark.usefixtures("runs")
def test_runs_lists_the_newest_first(call: Call) -> None:
    code, out, err = call("runs")
    assert (code, err) == (0, "")
    head, first, *_ = out.splitlines()
    assert head.split() == ["run", "started", "status", "accuracy", "seconds", "epochs"]
    assert first.split()[:1] + first.split()[3:] == ["1004", "refused", "0.8400", "6.0", "5"]
    assert list_ids(call) == ["1004", "1003", "1002", "1001"]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--status", "refused"], ["1004"]),
        (["--status", "refused,completed", "--limit", "2"], ["1004", "1003"]),
        (["--limit", "0"], ["1004", "1003", "1002", "1001"]),
        (["--since", "150min"], ["1004", "1003"]),
        (["--where", "train.epochs=6"], ["1003", "1001"]),
        (["--where", "train.epochs=6", "--where", "accuracy>0.82"], ["1003"]),
        (["--sort", "accuracy"], ["1001", "1002", "1003", "1004"]),
        (["--sort", "-accuracy", "--limit", "1"], ["1004"]),
        (["--sort=-accuracy", "--limit", "1"], ["1004"]),
        (["--sort", "started"], ["1001", "1002", "1003", "1004"]),
        (["--where", "status=failed"], []),
    ],
)
def test_runs_are_chosen_and_sorted(call: Call, arguments: list[str], expected: list[str]) -> None:
    assert list_ids(call, *arguments) == expected


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--status", "refuse"], 1, "did you mean refused?"),
        (["--since", "later"], 1, "is neither an age such as"),
        (["--where", "epochs=6"], 1, "no run has 'epochs'; did you mean train.epochs?"),
        (["--where", "accuracy"], 1, "is not of the form NAME=VALUE"),
        (["--sort", "acuracy"], 1, "--sort: no run has 'acuracy'; did you mean accuracy?"),
        (["--columns", "acuracy"], 1, "--columns: no run has 'acuracy'"),
        (["--columns", ","], 1, "--columns needs names"),
        (["--limit", "-1"], 1, "give a number of runs, or 0 for all"),
        (["--sort"], 2, "--sort needs a column"),
        (["--frobnicate"], 2, "unrecognized arguments: --frobnicate"),
        (["--frobnicate", "--sort"], 2, "unrecognized arguments: --frobnicate"),
        (["7"], 2, "unrecognized arguments: 7"),
    ],
)
def test_what_runs_does_not_understand_is_told(
    call: Call, arguments: list[str], code: int, words: str
) -> None:
    answer = call("runs", *arguments)
    assert (answer[0], answer[1]) == (code, "")
    assert words in answer[2]
    assert "Traceback" not in answer[2]


def test_a_store_without_runs_is_no_error(call: Call) -> None:
    assert call("runs") == (0, "there is no run yet\n", "")
    document = read(call("runs", "--json", "--where", "x=1", "--sort", "y", "--columns", "z"))
    assert (document["total"], document["runs"]) == (0, [])


@pytest.mark.usefixtures("runs")
def test_damaged_records_are_told_below_the_table(call: Call) -> None:
    open_store(load_settings()).write("runs/1001/train.json", b"{")
    out = call("runs")[1]
    assert "note: can't be read, damaged: 1 file (runs/1001/train.json)" in out
    assert "1001  " in out


@pytest.mark.usefixtures("runs")
def test_diff_names_both_runs_and_what_differs(call: Call) -> None:
    code, out, _ = call("diff", "1003", "latest")  # no run.json, and no latest.json
    assert code == 0
    assert out.startswith("- 1003  ")
    assert "+ 1004  " in out
    assert "  train.epochs  6 -> 5" in out
    document = read(call("diff", "02", "03", "--json"))
    assert [run["run_id"] for run in document["runs"]] == ["1002", "1003"]
    assert document["settings"] == [{"name": "train.epochs", "values": [5, 6]}]
    assert document["data"] == {"versions": ["d" * 64] * 2, "is_same": True}
    (accuracy, _) = document["metrics"]
    assert accuracy["values"] == pytest.approx([0.82, 0.83])
    assert accuracy["change"] == pytest.approx(0.01)


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], ["1003", "1004"]), (["1001"], ["1001", "1004"]), (["latest", "01"], ["1004", "1001"])],
)
def test_diff_takes_the_newest_runs_for_those_not_named(
    call: Call, arguments: list[str], expected: list[str]
) -> None:
    document = read(call("diff", *arguments, "--json"))
    assert [run["run_id"] for run in document["runs"]] == expected


def test_diff_needs_two_runs(call: Call) -> None:
    assert "there are no runs yet" in call("diff")[2]
    write_run(open_store(load_settings()), "1001", started=time.time())
    code, out, err = call("diff")
    assert (code, out) == (1, "")
    assert "there is only one run, but diff compares two: `make run` starts one" in err
    assert "diff compares two runs" in call("diff", "1001", "1001", "1001")[2]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("verb", [["diff"], ["report", "--compare"]])
def test_an_id_that_fits_no_run_or_several_is_told(call: Call, verb: list[str]) -> None:
    code, out, err = call(*verb, "1001", "2000")
    assert (code, out) == (1, "")
    assert "there is no run '2000'" in err
    code, out, err = call(*verb, "1001", "100")
    assert (code, out) == (1, "")
    assert "'100'" in err
    assert "1003" in err
    assert err.count("\n") == 1
    assert read(call(*verb, "1001", "2000", "--json"), code=1)["error"]


@pytest.mark.usefixtures("runs")
def test_report_compares_runs(call: Call, toy: Project) -> None:
    document = read(call("report", "--compare", "1001", "1002", "1001", "1003", "--json"))
    assert document["run_ids"] == ["1001", "1002", "1003"]
    assert document["path"] == str(toy.root / "compare.html")
    assert "3 runs compared" in (toy.root / "compare.html").read_text()
    code, out, _ = call("report", "--compare", "1001", "1002", "--output", "other.html")
    assert (code, out) == (0, f"comparison of 2 runs: {toy.root / 'other.html'}\n")
    assert call("report", "--compare", "1001")[0] == 1
    assert call("report", "--compare", "1001", "1002", "--run", "1001")[0] == 2


@pytest.mark.usefixtures("runs")
def test_report_takes_a_part_of_an_id(call: Call, toy: Project) -> None:
    assert read(call("report", "--run", "03", "--json"))["run_id"] == "1003"
    assert "Run 1003" in (toy.root / "report.html").read_text()
