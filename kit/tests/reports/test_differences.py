"""The text and the document of `mlpo-kit diff`, from runs in a store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from many_runs import NOON, write_run, write_snapshot, write_start

from mlpo_kit import PipelineError, load_pipeline
from mlpo_kit.config.project import Project
from mlpo_kit.reports.differences import (
    describe_comparison,
    format_change_counts,
    format_comparison,
    read_comparison,
)
from mlpo_kit.runs.comparison import FileChange
from mlpo_kit.store.folder import FolderStore

CODE = {"src/toy/model.py": b"a\nb\n", "configs/base.yaml": b"x: 1\n"}


@pytest.fixture
def store(toy: Project, tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def show(store: FolderStore, *run_ids: str, with_diff: bool = True) -> str:
    comparison = read_comparison(store, load_pipeline(), run_ids)
    json.dumps(describe_comparison(comparison))
    return format_comparison(comparison, NOON, with_diff)


def test_two_runs_with_everything_that_can_differ(store: FolderStore) -> None:
    write_run(store, "1", accuracy=0.9)
    write_run(store, "2", accuracy=0.88, last="register", state="refused", reason="too bad",
              dataset="e" * 64)  # fmt: skip
    snapshots = (
        write_snapshot(store, CODE),
        write_snapshot(store, {**CODE, "src/toy/model.py": b"a\nc\nd\n"}),
    )
    for number, snapshot in enumerate(snapshots, 1):
        write_start(
            store,
            str(number),
            {"train": {"epochs": number, "name": "x" * 50 * number}},
            snapshot=snapshot,
            commit=f"{number}" * 40,
            is_clean=number == 1,
            packages={"torch": f"2.{number}"},
        )
    text = show(store, "1", "2")
    lines = text.split("\n")
    assert lines[1].endswith("refused  6.0 s")
    assert lines[2] == "    too bad"
    assert lines[4:9] == [
        "settings",
        "  train.epochs  1 -> 2",
        "  train.name",
        "    - " + "x" * 50,
        "    + " + "x" * 100,
    ]
    assert lines[10:12] == ["data", "  version  dddddddddddd -> eeeeeeeeeeee"]
    assert lines[13:18] == [
        "code",
        "  src/toy/model.py | 3 ++-",
        "  1 file, 2 lines added, 1 removed",
        "  commit  111111111111 -> 222222222222 with changes",
        "",
    ]
    assert lines[18:20] == ["packages", "  torch  2.1 -> 2.2"]
    assert "  accuracy  0.9000 -> 0.8800  -0.0200" in lines
    assert "  register    completed -> refused  1.0 s -> 1.0 s" in lines
    assert "  deploy      completed -> not run  1.0 s -> -" in lines
    assert text.endswith("-b\n+c\n+d")
    assert "+c" not in show(store, "1", "2", with_diff=False)


def test_a_run_and_itself_are_the_same(store: FolderStore) -> None:
    write_run(store, "1")
    digest = write_snapshot(store, CODE)
    write_start(store, "1", {"train": {}}, snapshot=digest, packages={"a": "1"})
    text = show(store, "1", "1")
    for word in ("settings: the same", "data: the same", "code: the same", "packages: the same"):
        assert word in text


@pytest.mark.parametrize("damage", [None, b"", b"PK", "another snapshot"])
def test_a_snapshot_that_is_gone_or_damaged_is_told(
    store: FolderStore, damage: bytes | str | None
) -> None:
    for number in (1, 2):
        write_run(store, str(number))
        snapshot = write_snapshot(store, {"a.py": b"%d" % number})
        write_start(store, str(number), {"train": {}}, snapshot=snapshot)
    key = f"snapshots/{snapshot}.zip"
    if damage is None:
        store.delete([key])
    elif isinstance(damage, str):
        store.write(key, store.read(f"snapshots/{write_snapshot(store, CODE)}.zip"))
    else:
        store.write(key, damage)
    text = show(store, "1", "2")
    assert "code: the same digest\n  the snapshot of the code of 2 is gone" in text
    assert "packages: not recorded" in text


def test_a_run_of_an_older_kit_is_compared_by_its_records(store: FolderStore) -> None:
    write_run(store, "1", train={"epochs": 3})
    write_run(store, "2", train={"epochs": 4}, last="train")
    text = show(store, "1", "2")
    assert "  train.epochs  3 -> 4" in text
    assert "no snapshot was taken of the code of 1" in text
    assert "  accuracy  0.9000 -> none" in text
    assert "note: 1, 2: no run.json" in text


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"stage": "train", "state": "done"}, "an older project or another version"),
        ({"nothing": 1}, "damaged"),
    ],
)
def test_a_run_that_cannot_be_read_is_an_error(
    store: FolderStore, document: dict[str, str], why: str
) -> None:
    write_run(store, "1")
    store.write_json("runs/2/train.json", document)
    with pytest.raises(PipelineError, match=f"run 2 has no record that can be read .{why}"):
        show(store, "1", "2")


def test_counts_of_changed_lines_fit_on_a_line() -> None:
    changes = [
        FileChange("a.py", "changed", added=1000, removed=1),
        FileChange("b.py", "added", added=1),
        FileChange("model.bin", "removed", is_text=False),
    ]
    assert format_change_counts(changes) == [
        f"a.py      | 1001 {'+' * 30}-",
        "b.py      |    1 + (added)",
        "model.bin | not text (removed)",
        "3 files, 1001 lines added, 1 removed",
    ]
    assert format_change_counts([]) == []
