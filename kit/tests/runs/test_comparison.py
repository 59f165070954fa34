"""What differs between runs: only what does, and never by a section that a run did not reach."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_kit.runs.comparison import (
    Comparison,
    Difference,
    FileChange,
    compare_files,
    compare_runs,
    compare_values,
)
from mlpo_kit.runs.overview import RunOverview
from mlpo_kit.runs.start import Start

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.floats(-2, 2), st.text("ab")),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", "c.d"]), JSON)
LINES = st.lists(st.sampled_from(["a", "b", "", " c", "-", "+x"]), max_size=6)
TEXTS = st.builds(
    lambda lines, end: ("\n".join(lines) + end).encode(), LINES, st.sampled_from(["", "\n"])
)
FILES = st.dictionaries(st.sampled_from(["a.py", "b/c.py", "d.bin"]), TEXTS | st.binary(max_size=4))


def make_run(run_id: str, settings: Any = None, **values: Any) -> RunOverview:
    return RunOverview(run_id, 100.0, "completed", settings=settings or {}, **values)


def make_start(run_id: str, **values: Any) -> Start:
    return Start(run_id, 100.0, "test", {}, **values)


def compare(first: RunOverview, last: RunOverview, **sides: Any) -> Comparison:
    starts = sides.get("starts", (None, None))
    return compare_runs((first, last), starts, sides.get("snapshots", (None, None)))


@given(DOCUMENTS)
def test_a_document_does_not_differ_from_itself(document: dict[str, Any]) -> None:
    assert compare_values([document, dict(document)]) == []
    everything = compare_values([document, document], with_equal=True)
    assert [row.name for row in everything] == list(document)


@given(DOCUMENTS, DOCUMENTS)
def test_a_comparison_swapped_has_the_values_swapped(
    first: dict[str, Any], last: dict[str, Any]
) -> None:
    there = {row.name: row.values for row in compare_values([first, last])}
    back = {row.name: row.values for row in compare_values([last, first])}
    assert back == {name: values[::-1] for name, values in there.items()}
    for name in first.keys() & last.keys() - there.keys():
        assert first[name] == last[name]


def test_1_equals_1_0_but_not_true() -> None:
    assert compare_values([{"a": 1}, {"a": 1.0}]) == []
    assert compare_values([{"a": 1}, {"a": True}]) == [Difference("a", (1, True))]
    assert compare_values([{"a": None}, {}]) == []


def test_a_change_is_a_number_where_both_are() -> None:
    assert Difference("a", (1, 9, 3.5)).change == 2.5
    assert Difference("a", (1, None)).change is None
    assert Difference("a", (False, 1)).change is None


def test_settings_of_sections_that_a_run_did_not_reach_are_not_compared() -> None:
    failed = make_run("1", {"train.epochs": 3})
    whole = make_run("2", {"train.epochs": 5, "train.new": 1, "register.min": 0.5})
    names = [row.name for row in compare(failed, whole).settings]
    assert names == ["train.epochs", "train.new"]
    known = make_run("1", {"train.epochs": 3}, has_start=True)
    starts = (make_start("1"), make_start("2"))
    assert len(compare(known, make_run("2", whole.settings, has_start=True)).settings) == 3
    assert compare(known, known, starts=starts).notes == ()
    assert compare(failed, whole).notes == (
        "1, 2: no run.json, so only settings of stages that it reached are compared",
    )


def test_data_is_the_same_differs_or_is_not_known() -> None:
    runs = {name: make_run("1", dataset=name) for name in "ab"}
    assert compare(runs["a"], runs["a"]).has_same_data is True
    assert compare(runs["a"], runs["b"]).has_same_data is False
    assert compare(runs["a"], make_run("2")).has_same_data is None


def test_packages_are_compared_if_they_are_known_of_all() -> None:
    starts = [make_start(n, packages={"torch": f"2.{n}", "numpy": "2"}) for n in "12"]
    runs = make_run("1"), make_run("2")
    assert compare(*runs, starts=starts).packages == (Difference("torch", ("2.1", "2.2")),)
    assert compare(*runs, starts=(starts[0], None)).packages is None
    assert compare(*runs, starts=(starts[0], make_start("2"))).packages is None


def test_the_code_is_compared_by_its_snapshots() -> None:
    starts = [make_start(n, snapshot=n * 64) for n in "12"]
    runs = make_run("1", code="x"), make_run("2", code="y")
    snapshots = {"a.py": b"1\n", "same.py": b""}, {"a.py": b"2\n", "same.py": b""}
    (code,) = compare(*runs, starts=starts, snapshots=snapshots).code
    assert (code.is_same, code.notes) == (False, ())
    assert [(file.path, file.added, file.removed) for file in code.files] == [("a.py", 1, 1)]
    (code,) = compare(*runs, starts=(starts[0], starts[0])).code  # neither is read
    assert (code.is_same, code.files, code.notes) == (True, (), ())


@pytest.mark.parametrize(
    ("codes", "is_same"), [(("x", "x"), True), (("x", "y"), False), (("x", ""), None)]
)
def test_without_snapshots_the_digests_are_compared(
    codes: tuple[str, str], is_same: bool | None
) -> None:
    runs = make_run("1", code=codes[0]), make_run("2", code=codes[1])
    starts = (make_start("1", snapshot="1" * 64), None)
    (code,) = compare(*runs, starts=starts).code
    assert (code.is_same, code.files) == (is_same, ())
    assert code.notes == (
        "the snapshot of the code of 1 is gone",
        "no snapshot was taken of the code of 2",
    )


def test_each_run_is_compared_with_the_first() -> None:
    runs = [make_run(n, {"train.epochs": int(n)}, code="x" if n == "3" else n) for n in "123"]
    comparison = compare_runs(runs, [None] * 3, [{"a": b"1"}, {"a": b"1"}, None])
    assert comparison.settings == (Difference("train.epochs", (1, 2, 3)),)
    assert [(code.run_id, code.is_same) for code in comparison.code] == [("2", True), ("3", False)]


def test_a_file_that_is_not_text_has_no_lines() -> None:
    assert compare_files({"a": b"\xff"}, {"a": b"x"}) == [FileChange("a", "changed", is_text=False)]
    assert compare_files({}, {"a": b"\0"}) == [FileChange("a", "added", is_text=False)]


@given(FILES, FILES)
def test_comparing_back_swaps_added_and_removed(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    there, back = compare_files(before, after), compare_files(after, before)
    assert [(c.path, c.added, c.removed) for c in there] == [
        (c.path, c.removed, c.added) for c in back
    ]
    assert compare_files(before, before) == []
    assert {c.path for c in there} == {
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\nb\nc\n", b"a\nB\nc\nd\n"),
        (b"a\nb", b"a\nb\n"),
        (b"a\nb\n", b"a\nc"),
        (None, b"new\n"),
        (b"gone\n", None),
        (b"a\r\nb\r\n", b"a\r\nc\r\n"),
    ],
)
def test_a_diff_can_be_applied(tmp_path: Path, before: bytes | None, after: bytes | None) -> None:
    path = tmp_path / "src" / "a.py"
    path.parent.mkdir()
    sides = [{} if content is None else {"src/a.py": content} for content in (before, after)]
    if before is not None:
        path.write_bytes(before)
    (change,) = compare_files(*sides)
    command = ["git", "apply", "-p0", "--unsafe-paths", "-"]
    subprocess.run(command, cwd=tmp_path, input=f"{change.diff}\n".encode(), check=True)
    assert (path.read_bytes() if path.exists() else None) == after
