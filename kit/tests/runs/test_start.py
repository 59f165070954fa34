"""Each run records what it started from, once, and readers do not depend on it."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import MakeRun
from editing import use_copy

from mlpo_kit.config import Project
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.retention.inventory import gather_facts
from mlpo_kit.runs.git import GitState, read_git_state
from mlpo_kit.runs.records import list_runs, read_records
from mlpo_kit.runs.start import list_packages, read_start
from mlpo_kit.store.folder import FolderStore

GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com")


def test_the_first_stage_records_what_the_run_started_from(make_run: MakeRun) -> None:
    run = make_run(train={"epochs": 2})
    assert read_start(run.store, run.id) is None
    run_stage(run, run.pipeline["ingest"])
    start = read_start(run.store, run.id)
    assert start is not None
    assert (start.run_id, start.orchestrator) == (run.id, run.orchestrator)
    assert start.settings["train"]["epochs"] == 2
    assert {"project", "retention", *run.pipeline.names} <= start.settings.keys()
    assert start.packages["pydantic"] == importlib.metadata.version("pydantic")
    assert start.snapshot is None  # it ran in this process
    run_stage(run, run.pipeline["ingest"])
    assert read_start(run.store, run.id) == start


def test_it_is_no_record(make_run: MakeRun) -> None:
    run = make_run()
    run_stage(run, run.pipeline["ingest"])
    assert list(read_records(run.store, run.id)) == ["ingest"]
    assert list_runs(run.store) == [run.id]
    (facts,) = gather_facts(run.store).runs
    assert (facts.id, facts.status) == (run.id, "incomplete")


def test_a_resumed_run_records_its_own(make_run: MakeRun) -> None:
    first = make_run()
    dataset = run_stage(first, first.pipeline["ingest"]).dataset
    run = replace(first, id="2", resumes=first.id)
    run_stage(run, run.pipeline["preprocess"], dataset=dataset)
    start = read_start(run.store, "2")
    assert start is not None
    assert start.run_id == "2"


def test_a_run_from_a_copy_names_its_snapshot_and_stores_it_once(
    toy: Project, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_copy(monkeypatch, toy)
    sha256 = os.environ["MLPO_KIT_SNAPSHOT"]
    for run_id in ("1", "2"):
        run = make_run(run_id)
        run_stage(run, run.pipeline["ingest"])
        start = read_start(run.store, run_id)
        assert start is not None
        assert (start.snapshot, start.commit, start.is_clean) == (sha256, "c0ffee", True)
        assert run.store.children("snapshots") == [f"{sha256}.zip"]
    (toy.root / "snapshots" / f"{sha256}.zip").unlink()  # by a prune, say
    run_stage(make_run("3"), run.pipeline["ingest"])
    assert run.store.children("snapshots") == [f"{sha256}.zip"]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"schema_version": 1}', b'{"schema_version": 9}', b"\xff", b"null"],
)
def test_a_damaged_start_counts_as_missing(make_run: MakeRun, content: bytes) -> None:
    run = make_run()
    run_stage(run, run.pipeline["ingest"])
    run.store.write(f"runs/{run.id}/run.json", content)
    assert read_start(run.store, run.id) is None


def test_what_a_newer_kit_adds_is_ignored(make_run: MakeRun) -> None:
    run = make_run()
    run_stage(run, run.pipeline["ingest"])
    start = read_start(run.store, run.id)
    document = run.store.read_json(f"runs/{run.id}/run.json")
    run.store.write_json(f"runs/{run.id}/run.json", {**document, "weather": "fine"})
    assert read_start(run.store, run.id) == start


def test_git_is_asked_for_the_commit_and_for_changes(tmp_path: Path) -> None:
    assert read_git_state(tmp_path / "nowhere") == GitState()
    assert read_git_state(tmp_path) == GitState()
    subprocess.run([*GIT, "init", "-q"], cwd=tmp_path, check=True)
    assert read_git_state(tmp_path) == GitState()
    (tmp_path / "model.py").write_text("")
    subprocess.run([*GIT, "add", "."], cwd=tmp_path, check=True)
    subprocess.run([*GIT, "commit", "-qm", "first"], cwd=tmp_path, check=True)
    state = read_git_state(tmp_path)
    assert state.is_clean is True
    assert re.fullmatch("[0-9a-f]{40}", state.commit or "")
    (tmp_path / "new.py").write_text("")
    assert read_git_state(tmp_path) == GitState(state.commit, False)


def test_packages_are_named_as_an_index_names_them() -> None:
    listed = list_packages()
    for distribution in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        if name in listed:
            assert listed[name] == distribution.version
    assert len(listed) > 20


def test_without_a_store_there_is_no_start(tmp_path: Path) -> None:
    assert read_start(FolderStore(tmp_path), "1") is None
