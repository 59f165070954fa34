"""A run is named by its id, a part of it, or `latest`; anything else is a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.identify import find_run
from mlpo_kit.runs.records import Record, write_record
from mlpo_kit.store.folder import FolderStore

IDS = ("2026-11-01-10-00-00-7", "2026-11-01-10-05-00-8", "2026-11-02-09-00-00-9")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store with three runs; the second one started last."""
    store = FolderStore(tmp_path)
    for number, run_id in enumerate(IDS):
        started = 100.0 if number == 1 else float(number)
        write_record(
            store, Record(run_id, "test", "ingest", "completed", started, "", stages=("ingest",))
        )
    return store


def test_an_id_and_a_unique_part_name_a_run(store: FolderStore) -> None:
    assert find_run(store, IDS[0]) == IDS[0]
    assert find_run(store, "11-02") == IDS[2]
    assert find_run(store, " -8 ") == IDS[1]


def test_an_id_that_is_a_part_of_another_names_its_run(store: FolderStore) -> None:
    write_record(store, Record(f"{IDS[0]}1", "test", "ingest", "completed", 3.0, ""))
    assert find_run(store, IDS[0]) == IDS[0]


def test_latest_is_the_run_that_started_last(store: FolderStore) -> None:
    assert find_run(store, "latest") == IDS[1]
    store.write_json("runs/latest.json", {"run_id": IDS[2]})
    assert find_run(store, "latest") == IDS[2]
    store.write_json("runs/latest.json", {"run_id": "deleted"})
    assert find_run(store, "latest") == IDS[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-11-02-09-00-00-8", "there is no run '2026-11-02-09-00-00-8'; did you mean 2026-"),
        ("fish", "there is no run 'fish': `mlpo-kit runs` lists them"),
        ("../runs", "there is no run '../runs'"),
        ("2026-11-01", f"'2026-11-01' is a part of 2 run ids: {IDS[0]}, {IDS[1]}"),
        ("latest.json", "there is no run 'latest.json'"),
        (" ", "name a run: its id, a part of its id, or latest"),
    ],
)
def test_other_texts_are_answered_by_a_sentence(
    store: FolderStore, text: str, message: str
) -> None:
    store.write_json("runs/latest.json", {"run_id": IDS[2]})
    with pytest.raises(PipelineError, match=f"^{re.escape(message)}"):
        find_run(store, text)


def test_many_matches_are_counted_and_a_few_named(store: FolderStore) -> None:
    for number in range(20):
        write_record(store, Record(f"many-{number:02}", "test", "ingest", "completed", 1.0, ""))
    with pytest.raises(PipelineError, match=r"20 run ids: many-15, .*, many-19 and 15 more$"):
        find_run(store, "many")


def test_a_store_without_runs_says_so(tmp_path: Path) -> None:
    for text in ("latest", "1"):
        with pytest.raises(PipelineError, match=r"^there are no runs yet: `make run` starts one$"):
            find_run(FolderStore(tmp_path), text)
