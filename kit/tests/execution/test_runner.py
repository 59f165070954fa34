"""A stage's result is reused if and only if it is intact and nothing it depends on changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import MakeRun

from mlpo_kit import IntegrityError, Ref, Run, Stage, Workspace
from mlpo_kit.caching import key
from mlpo_kit.caching.entries import DAY
from mlpo_kit.execution.plan import plan_run
from mlpo_kit.execution.runner import Hit, read_result, reuse_result, run_stage
from mlpo_kit.runs.records import read_record
from mlpo_kit.runs.summary import LATEST


@dataclass(frozen=True)
class Made:
    """A payload, and numbers."""

    payload: Ref
    numbers: tuple[int, ...]


Made_stage = tuple[Stage[Made], list[str]]


@pytest.fixture
def stage(make_run: MakeRun) -> Made_stage:
    """A stage that writes a file, and the ids of the runs in which it did."""
    ran: list[str] = []

    def preprocess(settings: object, work: Workspace, watch: object = None) -> Made:
        ran.append(work.run.id)
        return Made(work.save_text("payload", "payload"), (1, 2))

    preprocess.__module__ = "toy.stages.preprocess"
    return replace_function(make_run().pipeline["preprocess"], preprocess), ran


def replace_function(known: Stage[object], function: Callable[..., Made]) -> Stage[Made]:
    stage = Stage(known.name, Made).with_function(function)
    stage.package = known.package
    return stage


def find_cache(run: Run) -> tuple[str, str | None]:
    record = read_record(run.store, run.id, "preprocess")
    assert record is not None
    assert record.is_success
    return record.cache, record.cache_reason


@pytest.fixture(autouse=True)
def old_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small project was copied just now, which is no edit."""
    monkeypatch.setattr(key, "STARTED", float("inf"))


def test_the_second_run_reuses_the_result_of_the_first(
    make_run: MakeRun, stage: Made_stage
) -> None:
    kind, ran = stage
    first, second = make_run("1"), make_run("2")
    made = run_stage(first, kind)
    assert run_stage(second, kind, watch=print) == made  # who only watches does not count
    assert ran == ["1"]
    assert find_cache(first) == ("miss", "no earlier result")
    assert find_cache(second) == ("hit", "as in run 1")
    assert read_result(first.store, kind, "2") == made
    record = read_record(first.store, "2", "preprocess")
    assert record is not None
    assert record.state == "reused"


def test_reuse_result_finds_hits_and_never_runs_a_stage(
    make_run: MakeRun, stage: Made_stage
) -> None:
    kind, ran = stage
    first, second = make_run("1"), make_run("2")
    assert reuse_result(first, kind) is None
    assert read_record(first.store, "1", "preprocess") is None
    made = run_stage(first, kind)
    assert reuse_result(second, kind) == Hit(made, "1")
    assert find_cache(second) == ("hit", "as in run 1")
    assert ran == ["1"]


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.unlink(), "is not in the store"),
        (lambda path: path.write_text("payloaD"), "was changed"),
        (lambda path: path.write_text(""), "was changed"),
    ],
)
def test_a_damaged_payload_is_made_again(
    make_run: MakeRun, stage: Made_stage, harm: Callable[[Path], object], reason: str
) -> None:
    kind, ran = stage
    made = run_stage(make_run("1"), kind)
    harm(make_run("1").store.open(made.payload))
    second = make_run("2")
    assert run_stage(second, kind).payload.key.startswith("runs/2/")
    assert ran == ["1", "2"]
    state, why = find_cache(second)
    assert state == "miss"
    assert reason in str(why)
    run_stage(make_run("3"), kind)
    assert ran == ["1", "2"]  # what was made again is what is served now
    with pytest.raises(IntegrityError):
        read_result(second.store, kind, "1")


def test_a_run_without_the_cache_still_saves_its_results(
    make_run: MakeRun, stage: Made_stage
) -> None:
    kind, ran = stage
    for run_id in ("1", "2"):
        run_stage(make_run(run_id, use_cache=False), kind)
    assert ran == ["1", "2"]
    assert find_cache(make_run("2")) == ("off", "the cache is off for this run")
    run_stage(make_run("3"), kind)
    assert find_cache(make_run("3")) == ("hit", "as in run 2")


def test_an_entry_that_is_too_old_is_not_used(
    make_run: MakeRun, stage: Made_stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, ran = stage
    run_stage(make_run("1"), kind)
    days = make_run("2").settings.caching.max_age_days
    now = time.time() + (days + 1) * DAY
    monkeypatch.setattr(time, "time", lambda: now)
    run_stage(make_run("2"), kind)
    assert ran == ["1", "2"]


def test_a_result_is_not_saved_if_its_code_was_edited_meanwhile(
    make_run: MakeRun, stage: Made_stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, ran = stage
    monkeypatch.setattr(key, "STARTED", 0)  # all code is newer than this process
    for run_id in ("1", "2"):
        run_stage(make_run(run_id), kind)
    assert ran == ["1", "2"]


def test_a_result_is_not_saved_if_its_data_file_was_edited_meanwhile(
    make_run: MakeRun, stage: Made_stage
) -> None:
    kind, ran = stage
    function = kind.load()

    def preprocess(settings: object, work: Workspace) -> Made:
        (Path.cwd() / "src" / "toy" / "labels.txt").write_text(work.run.id)
        return function(settings, work)

    preprocess.__module__ = "toy.stages.preprocess"
    run_stage(make_run("1"), kind.with_function(preprocess))
    run_stage(make_run("2"), kind)
    assert ran == ["1", "2"]


def test_the_plan_writes_nothing(make_run: MakeRun) -> None:
    run = make_run()
    before = {item.key for item in run.store.files("")}
    assert {step.verdict for step in plan_run(run)} == {"run"}
    assert {item.key for item in run.store.files("")} == before
    assert not run.store.children("runs")


def test_a_record_hashes_the_code_of_project_pipeline_and_kit(make_run: MakeRun) -> None:
    def hash_after(name: str) -> str:
        path = Path.cwd() / name
        path.write_text(path.read_text() + "# more\n" if path.is_file() else "X = 1\n")
        return key.hash_project_code()

    digests = [key.hash_project_code()]
    digests += [hash_after(name) for name in ("src/toy/model.py", "src/toy/new.py")]
    digests += [hash_after(name) for name in ("pipeline/flow.py", "pipeline/new.py")]
    assert len(set(digests)) == 5
    assert hash_after("tests.py") == hash_after("src/other.py") == digests[-1]
    run = make_run()
    run_stage(run, run.pipeline["ingest"])
    record = read_record(run.store, run.id, "ingest")
    assert record is not None
    assert record.code == digests[-1]


def test_a_new_version_of_the_kit_changes_the_code_hash(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key.hash_project_code()
    monkeypatch.setattr(key, "find_kit_version", lambda: "9.9")
    assert key.hash_project_code() != before


def test_a_result_that_cannot_be_recorded_fails_its_stage(make_run: MakeRun) -> None:
    @dataclass(frozen=True)
    class Broken:
        values: object

    def ingest(section: object, work: Workspace) -> Broken:
        return Broken({1, 2})

    run = make_run()
    with pytest.raises(TypeError):
        run_stage(run, Stage("ingest", Broken, cached=False).with_function(ingest))
    record = read_record(run.store, run.id, "ingest")
    assert record is not None
    assert record.state == "failed"
    assert "set is not JSON serializable" in str(record.reason)


def test_a_stage_returns_a_dataclass(make_run: MakeRun) -> None:
    run = make_run()
    stage = Stage("ingest", Made, cached=False).with_function(lambda section, work: {"a": 1})  # type: ignore[arg-type,return-value]
    with pytest.raises(TypeError, match="a stage must return a dataclass, not dict"):
        run_stage(run, stage)


def test_a_running_stage_is_shown_as_running_in_the_summary(make_run: MakeRun) -> None:
    @dataclass(frozen=True)
    class Seen:
        status: str

    def ingest(section: object, work: Workspace) -> Seen:
        return Seen(work.store.read_json(LATEST)["stages"][0]["status"])

    stage = Stage("ingest", Seen, cached=False).with_function(ingest)
    assert run_stage(make_run(), stage).status == "running"
