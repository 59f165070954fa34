"""Records: damaged ones, runs of many stages, and records of an older project."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import MakeRun

from mlpo_kit import Gate, Pipeline, PipelineError, Ref, Stage
from mlpo_kit.execution.plan import format_plan, plan_run
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.execution.table import format_run
from mlpo_kit.runs import records
from mlpo_kit.runs.deaths import describe_signal, record_deaths
from mlpo_kit.runs.records import Record, State
from mlpo_kit.runs.summary import (
    LATEST,
    find_metrics,
    find_status,
    refresh_latest,
    save_record,
    summarize,
)
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store.folder import FolderStore

OLDER = Path(__file__).with_name("older")
OLDER_RUN = "1795890303807212"


def make_record(stage: str, state: State = "completed", **values: object) -> Record:
    record = Record("1", "test", stage, state, 100.0, "", stages=("a", "b"), ended=110.0)
    return replace(record, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"1", b'{"inputs": 1, "outputs": {}}'])
def test_a_damaged_record_counts_as_missing(make_run: MakeRun, content: bytes) -> None:
    run = make_run()
    run_stage(run, run.pipeline["ingest"])
    run.store.write(f"runs/{run.id}/ingest.json", content)
    assert records.read_record(run.store, run.id, "ingest") is None
    assert refresh_latest(run.store, run.pipeline) is None


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    record = make_record(
        "a",
        outputs={"x": Ref("store://x", "0", 1)},
        values={"n": [1, None, {"a": 1.5}]},
        settings={"k": "v"},
        cache="miss",
        cache_reason="no earlier result",
        key="0123",
    )
    records.write_record(store, record)
    assert records.read_record(store, "1", "a") == record


def test_who_saw_a_process_die_records_how(make_run: MakeRun) -> None:
    """Stages that run, have ended or have a reason stay as they are."""
    run = make_run()
    for name, state in (("a", "running"), ("b", "running"), ("train-1", "completed")):
        values = {"ended": None} if state == "running" else {"stages": ("a", "b", "train")}
        records.write_record(run.store, make_record(name, state, **values))  # type: ignore[arg-type]
    with run.store.stage_lock("1", "b"):
        record_deaths(run.store, run.pipeline, "1", describe_signal(9))
        record_deaths(run.store, run.pipeline, "1", describe_signal(15))
        read = {name: records.read_record(run.store, "1", name) for name in ("a", "b", "train-1")}
    assert [record and record.state for record in read.values()] == [
        "killed",
        "running",
        "completed",
    ]
    assert read["a"] is not None
    assert read["a"].reason == "killed by signal 9 (SIGKILL)"
    assert read["a"].ended is not None


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (("completed", "completed"), "completed"),
        (("completed", "reused"), "completed"),
        (("completed",), "incomplete"),
        (("completed", "running"), "running"),
        (("completed", "refused"), "refused"),
        (("failed", "running"), "failed"),
        (("completed", "interrupted"), "interrupted"),
        (("completed", "killed"), "killed"),
        (("completed", "preempted"), "preempted"),
        (("completed", "stopped"), "stopped"),
        (("completed", "out of memory"), "out of memory"),
    ],
)
def test_the_decisive_state_is_the_status_of_the_run(
    states: tuple[State, ...], status: str
) -> None:
    found = {name: make_record(name, state) for name, state in zip("ab", states, strict=False)}
    assert find_status(found) == status


def test_a_run_that_stopped_between_stages_is_incomplete(make_run: MakeRun) -> None:
    run = make_run()
    run_stage(run, run.pipeline["ingest"])
    assert summarize(run.store, run.pipeline, run.id)["status"] == "incomplete"


def make_chain(count: int) -> Pipeline:
    """As many stages as wanted, with names of many lengths, each after the other."""
    from toy.stages import Validated

    names = [f"{'very_' * (number % 4)}stage_{number}" for number in range(count)]
    stages = [Stage(names[0], Validated)]
    stages += [Stage(b, Validated, report=f"{a}.report") for a, b in pairwise(names)]
    return Pipeline(*stages, package="toy", training_stage=names[-1])


@pytest.mark.parametrize("count", [1, 2, 8, 20])
def test_the_table_has_a_row_for_any_number_of_stages(make_run: MakeRun, count: int) -> None:
    run = make_run()
    pipeline = make_chain(count)
    for name in pipeline.names[: count // 2 + 1]:
        record = make_record(name, "failed" if name == pipeline.names[count // 2] else "completed",
                             stages=pipeline.names, reason="no luck")  # fmt: skip
        save_record(run.store, pipeline, record)
    summary = refresh_latest(run.store, pipeline)
    assert summary is not None
    assert [stage["name"] for stage in summary["stages"]] == list(pipeline.names)
    table = format_run(summary)
    lines = [line for line in table.splitlines() if line.startswith("  ") and "stage_" in line]
    assert [line.split()[0] for line in lines] == list(pipeline.names)
    assert f"{pipeline.names[count // 2]} failed: no luck" in table
    assert len(lines[0]) - len(lines[0].lstrip()) == 2
    off = Run("1", "test", FakeSettings(run.settings, pipeline), pipeline=pipeline)
    plan = format_plan(plan_run(off))
    assert [line.split()[0] for line in plan.splitlines()] == list(pipeline.names)


class FakeSettings:
    """The settings of a project whose stages have nothing to set, and are never reused."""

    def __init__(self, settings: object, pipeline: Pipeline) -> None:
        from mlpo_kit.config import CachingSettings

        self._settings = settings
        self.caching = CachingSettings(enabled=False)

    def __getattr__(self, name: str) -> object:
        return getattr(self._settings, name)


def test_metrics_are_the_values_grouped_with_the_gates_metric() -> None:
    def find(metric: str, values: dict[str, object]) -> dict[str, float]:
        class Some:
            gate = Gate(metric, bound="x.y")

        return find_metrics({"b": make_record("b", values=values)}, Some())  # type: ignore[arg-type]

    assert find("b.metrics.rmse", {"metrics": {"rmse": 1.0, "mae": 2.0}}) == {
        "rmse": 1.0,
        "mae": 2.0,
    }
    assert find("b.rmse", {"rmse": 1.0}) == {"rmse": 1.0}
    assert find("b.rmse", {}) == {}


@pytest.fixture
def older(make_run: MakeRun) -> Run:
    """A run over a store that a project of before the library wrote."""
    run = make_run("new")
    shutil.copytree(OLDER, run.settings.local_root, dirs_exist_ok=True)
    return run


def list_older(run: Run) -> dict[str, bytes]:
    root = run.settings.local_root
    paths = [path.relative_to(OLDER) for path in OLDER.rglob("*.json")]
    return {str(path): (root / path).read_bytes() for path in paths if (root / path).is_file()}


def test_runs_of_an_older_project_are_recognized(older: Run) -> None:
    assert records.is_of_older_project(older.store, OLDER_RUN)
    assert records.read_records(older.store, OLDER_RUN) == {}
    assert records.list_runs(older.store) == []
    assert records.find_newest_run(older.store) is None


@pytest.mark.parametrize(
    "look",
    [
        lambda run: refresh_latest(run.store, run.pipeline),
        plan_run,
        lambda run: records.find_newest_run(run.store),
        lambda run: records.read_trials(run.store, OLDER_RUN),
    ],
)
def test_reading_an_older_store_changes_nothing(older: Run, look: Callable[[Run], object]) -> None:
    before = list_older(older)
    assert len(before) == len(list(OLDER.rglob("*.json")))
    look(older)
    assert list_older(older) == before


def test_a_run_in_an_older_store_does_not_change_older_runs(older: Run) -> None:
    before = list_older(older)
    run_stage(older, older.pipeline["ingest"])
    record = records.read_record(older.store, "new", "ingest")
    assert record is not None
    assert record.cache_reason == "no earlier result"
    before.pop(LATEST)  # tells of the newest run, whoever wrote it
    assert before.items() <= list_older(older).items()
    assert not records.is_of_older_project(older.store, "new")
    summary = refresh_latest(older.store, older.pipeline)
    assert summary is not None
    assert summary["run_id"] == "new"


def test_an_older_result_is_not_reused_or_compared(older: Run) -> None:
    steps = {step.stage: step for step in plan_run(older)}
    assert steps["train"].verdict == "run"
    assert steps["train"].reason == "no earlier result"


def test_an_older_run_is_not_resumed(older: Run) -> None:
    with pytest.raises(PipelineError) as caught:
        run_stage(replace(older, resumes=OLDER_RUN), older.pipeline["preprocess"])
    assert str(caught.value) == (
        f"run {OLDER_RUN} was recorded by an older project and can't be resumed: start a new run"
    )
