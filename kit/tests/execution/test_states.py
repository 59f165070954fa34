"""How a stage ended is recorded as it was: interrupted, killed, out of memory, failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import MakeRun

import mlpo_kit
from mlpo_kit import Gate, Pipeline, PipelineError, Run, Stage, Verdict, Workspace
from mlpo_kit.config import Project
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.execution.table import format_run
from mlpo_kit.runs.records import Record, read_record
from mlpo_kit.runs.summary import refresh_latest, summarize

SLEEPY = """
import time
from dataclasses import dataclass, replace
from mlpo_kit import Run, Stage
from mlpo_kit.config import load_settings
from mlpo_kit.execution.runner import run_stage

@dataclass
class Nothing:
    pass

def ingest(section, work):
    time.sleep(60)
    return Nothing()

stage = Stage("ingest", Nothing, cached=False).with_function(ingest)
run_stage(Run("1", "test", load_settings()), stage)
"""


@contextmanager
def start_sleeping(toy: Project, run: Run) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process whose stage sleeps, and wait until its record says that it runs."""
    paths = [str(toy.root / "src"), str(Path(mlpo_kit.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPY], cwd=toy.root, env=environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            while (record := read_record(run.store, "1", "ingest")) is None:
                assert process.poll() is None
                time.sleep(0.05)
            assert record.state == "running"
            assert summarize(run.store, run.pipeline, "1")["status"] == "running"
            time.sleep(0.2)  # until it sleeps
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_a_killed_stage_reads_as_killed(toy: Project, make_run: MakeRun) -> None:
    run = make_run()
    with start_sleeping(toy, run) as process:
        process.kill()
    summary = refresh_latest(run.store, run.pipeline)
    assert summary is not None
    assert summary["status"] == "killed"
    assert "ingest killed: its process ended without reporting an error" in format_run(summary)


@pytest.mark.slow
def test_an_interrupted_stage_reads_as_interrupted(toy: Project, make_run: MakeRun) -> None:
    run = make_run()
    with start_sleeping(toy, run) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) != 0
    summary = refresh_latest(run.store, run.pipeline)
    assert summary is not None
    assert summary["status"] == "interrupted"
    assert "ingest interrupted: by Ctrl-C, or a signal to end it" in format_run(summary)


@dataclass(frozen=True)
class Nothing:
    """No result."""


class OutOfMemoryError(RuntimeError):
    """Named as torch's, which is not imported to look at it."""


def end_with(error: BaseException, run: Run) -> Record:
    def ingest(section: object, work: Workspace) -> Nothing:
        raise error

    with pytest.raises(type(error)):
        run_stage(run, Stage("ingest", Nothing, cached=False).with_function(ingest))
    record = read_record(run.store, run.id, "ingest")
    assert record is not None
    assert record.ended is not None
    return record


def chain(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (MemoryError(), "out of memory", "MemoryError()"),
        (OutOfMemoryError("CUDA"), "out of memory", "OutOfMemoryError('CUDA')"),
        (chain(PipelineError("no room"), MemoryError()), "out of memory", "no room"),
        (KeyboardInterrupt(), "interrupted", "by Ctrl-C, or a signal to end it"),
        (PipelineError("a sentence"), "failed", "a sentence"),
        (ValueError("a defect"), "failed", "ValueError('a defect')"),
        (SystemExit(3), "failed", "SystemExit(3)"),
    ],
)
def test_the_exception_of_a_stage_decides_its_state(
    make_run: MakeRun, error: BaseException, state: str, reason: str
) -> None:
    record = end_with(error, make_run())
    assert (record.state, record.reason) == (state, reason)


@pytest.mark.slow
def test_torchs_out_of_memory_error_is_recognized(make_run: MakeRun) -> None:
    torch = pytest.importorskip("torch")
    assert end_with(torch.cuda.OutOfMemoryError("x"), make_run()).state == "out of memory"


def test_a_second_attempt_is_counted(make_run: MakeRun) -> None:
    run = make_run()
    assert end_with(ValueError(), run).attempt == 1
    assert end_with(ValueError(), run).attempt == 2


class Notes:
    """An observer that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def run_started(self, run: Run) -> None:
        assert run.id
        self.told.append("run started")

    def stage_ended(self, run: Run, record: Record) -> None:
        stored = read_record(run.store, run.id, record.stage)
        assert stored == record
        self.told.append(f"{record.stage} {record.state}")

    def run_ended(self, run: Run, status: str) -> None:
        self.told.append(f"run {status}")


@pytest.fixture
def notes() -> Notes:
    return Notes()


def test_observers_are_notified_during_a_run(make_run: MakeRun, notes: Notes) -> None:
    run = make_run()
    short = Pipeline(*(run.pipeline[name] for name in run.pipeline.cached_names), package="toy")
    run_pipeline(replace(run, pipeline=short), observers=[notes])
    stages = [f"{name} completed" for name in short]
    assert notes.told == ["run started", *stages, "run completed"]


def test_observers_are_notified_of_refusals_and_failures(make_run: MakeRun, notes: Notes) -> None:
    @dataclass(frozen=True)
    class Judged:
        verdict: Verdict

    def register(settings: object, work: Workspace) -> Judged:
        return Judged(Gate("a.b", bound="c.d").judge(0.1, 0.5))

    run = make_run("1")
    run_stage(run, run.pipeline["ingest"])
    stage = Stage("register", Judged, cached=False).with_function(register)
    run_stage(run, stage, observers=[notes])
    assert notes.told == ["register refused", "run refused"]
    with pytest.raises(RuntimeError):
        run_pipeline(make_run("2", train={"fail": True}), observers=[notes])
    assert notes.told[-2:] == ["train failed", "run failed"]


def test_an_observer_that_cannot_start_fails_the_stage(make_run: MakeRun, notes: Notes) -> None:
    def refuse(run: Run) -> None:
        raise PipelineError("no server")

    notes.run_started = refuse  # type: ignore[method-assign]
    run = make_run()
    with pytest.raises(PipelineError, match="no server"):
        run_stage(run, run.pipeline["ingest"], observers=[notes])
    assert notes.told == ["ingest failed", "run failed"]
