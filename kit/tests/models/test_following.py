"""A process in the background tracks a run while it goes on, whatever becomes of the run."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import MakeRun
from editing import use_copy

import mlpo_kit
from mlpo_kit.cli.__main__ import main
from mlpo_kit.config import Project
from mlpo_kit.execution import tracking
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.models import following, sending
from mlpo_kit.models.tracking import connect, ensure_experiment, find_runs
from mlpo_kit.runs.progress import read_progress
from mlpo_kit.runs.snapshot import list_members, read_snapshot
from mlpo_kit.runs.start import read_start
from mlpo_kit.runs.workspace import Run

pytestmark = pytest.mark.slow

LONG = 60.0  # seconds; enough on a busy machine
TRAIN = (
    "import sys; from mlpo_kit import Run; from mlpo_kit.config import load_settings; "
    "from mlpo_kit.execution.inprocess import run_pipeline; "
    "run_pipeline(Run('1', 'test', load_settings(changes=sys.argv[1:])))"
)


@pytest.fixture
def tracked(toy: Project, registry: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Tracking is on; the fixture finds the MLflow run of a run, None as long as there is none."""
    monkeypatch.setenv(tracking.VARIABLE, "on")
    kit = Path(mlpo_kit.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(toy.root / "src"), str(kit)]))

    def find(run_id: str) -> Any:
        client = connect(registry)
        found = find_runs(client, ensure_experiment(client, "toy", registry), run_id)
        assert len(found) < 2
        return client.get_run(found[0]) if found else None

    return find


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.1)
    raise AssertionError(f"not within {LONG} s: {what}")


def list_files(registry: Path, mlflow_run: Any) -> set[str]:
    return {file.path for file in connect(registry).list_artifacts(mlflow_run.info.run_id)}


def test_a_run_ends_with_the_run_tracked(
    make_run: MakeRun, registry: Path, tracked: Callable[[str], Any]
) -> None:
    run = make_run()
    run_pipeline(run)
    assert tracking.finish_tracking(run.settings, "1") is None
    found = tracked("1")
    assert found.info.status == "FINISHED"
    assert list_files(registry, found) == {"report.html", "evaluation.json"}
    assert tracking.list_unsent(run.store) == []
    wait_until(lambda: not tracking.is_followed(run.store, "1"), "the process ends")


@pytest.mark.full
def test_epochs_arrive_while_it_trains_and_a_kill_closes_the_run(
    toy: Project, make_run: MakeRun, tracked: Callable[[str], Any]
) -> None:
    changes = ("train.epochs=1000", "train.sleep_seconds=0.1")
    with subprocess.Popen([sys.executable, "-c", TRAIN, *changes], cwd=toy.root) as training:

        def has_epochs() -> bool:
            found = tracked("1")
            return found is not None and "val_loss" in found.data.metrics

        wait_until(has_epochs, "epochs arrive")
        assert training.poll() is None
        assert tracked("1").info.status == "RUNNING"
        training.send_signal(signal.SIGKILL)
    store = make_run().store
    wait_until(lambda: not tracking.list_unsent(store), "the run is closed")
    found = tracked("1")
    assert found.info.status == "KILLED"
    assert found.data.tags["mlpo.status"] == "killed"
    assert found.data.metrics["val_loss"] > 0


@pytest.mark.full
@pytest.mark.usefixtures("tracked")
def test_what_a_machine_left_that_died_is_sent_by_the_next_command(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_run().store
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "_start_process", lambda *_: None)  # it died as well
        run_pipeline(make_run(), last="train")
        tracking.write_mark(store, "1", is_over=True)
    assert main(["report"]) == 0
    wait_until(lambda: not tracking.list_unsent(store), "the command sends it")


@pytest.mark.full
def test_a_run_in_a_bucket_is_tracked_and_its_sources_are_kept(
    s3_url: str,
    toy: Project,
    make_run: MakeRun,
    tracked: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run(storage_root=s3_url)
    with monkeypatch.context() as patch:
        copy = use_copy(patch, toy)
        run_pipeline(run)
        assert tracking.finish_tracking(run.settings, "1") is None
    found = tracked("1")
    assert found.info.status == "FINISHED"
    assert found.data.metrics["val_loss"] > 0
    assert tracking.list_unsent(run.store) == []
    assert not (toy.root / "runs").exists()

    start = read_start(run.store, "1")
    assert start is not None
    assert start.snapshot is not None
    assert found.data.tags["mlpo.snapshot"] == start.snapshot
    assert run.store.children("snapshots") == [f"{start.snapshot}.zip"]
    members = list_members(read_snapshot(run.store, start.snapshot).archive)
    assert {member.name for member in members} >= {"src/toy/pipeline.py", "pipeline/flow.py"}
    assert all((copy / member.name).read_bytes() == member.content for member in members)
    assert [epoch.number for epoch in read_progress(run.store, "1", "train")] == [1, 2, 3]
    assert run.store.read("runs/1/train/progress.jsonl")


def test_a_tracker_that_does_not_start_fails_no_run(
    make_run: MakeRun,
    tracked: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    run = make_run()
    with caplog.at_level(logging.WARNING):
        assert run_pipeline(run, last="train")["train"].best_epoch == 3
    assert "this run is not tracked: " in caplog.text
    assert tracked("1") is None


def test_nothing_is_tracked_if_it_is_switched_off(
    make_run: MakeRun, tracked: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tracking.VARIABLE, "off")
    run = make_run()
    run_pipeline(run, last="train")
    assert tracking.list_unsent(run.store) == []
    assert tracking.finish_tracking(run.settings, "1") is None
    assert not list((run.settings.local_root / "runs" / "1").glob(".tracking*"))
    assert tracked("1") is None


@pytest.mark.usefixtures("tracked")
def test_the_log_of_the_commands_that_send_what_is_left_stays_small(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    tracking.write_mark(run.store, "1")
    log = run.settings.local_root / tracking.UNSENT / ".tracking.log"
    monkeypatch.setattr(sys, "executable", "/bin/true")
    log.write_bytes(b"an error\n")
    tracking.send_in_background(run.settings)
    assert log.read_bytes() == b"an error\n"
    log.write_bytes(b"x" * (tracking.LOG_BYTES + 1))
    tracking.send_in_background(run.settings)
    assert log.read_bytes() == b""


def test_a_server_that_is_away_for_days_is_logged_once(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = []

    def fail(*_: Any) -> None:
        tries.append(1)
        raise ConnectionError("no answer")

    def look(*_: Any) -> following.Look:
        return following.Look(len(tries), ("train",), has_ended=len(tries) > 3, exists=True)

    monkeypatch.setattr(sending, "send_run", fail)
    monkeypatch.setattr(following, "look_at", look)
    monkeypatch.setattr(following, "RETRY_SECONDS", 0)
    monkeypatch.setattr(following, "POLL_SECONDS", 0)
    run = make_run()
    tracking.write_mark(run.store, "1")
    following.follow_run(run.settings, "1", None)
    assert len(tries) > 3
    assert caplog.text.count("run 1 could not be sent") == 1
    assert "no answer" in tracking.read_state(run.store, "1")["problem"]


@pytest.fixture(scope="session")
def server_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a real MLflow server, which mlflow-skinny does not have."""
    from importlib.metadata import version

    folder = tmp_path_factory.mktemp("mlflow") / "venv"
    uv = [sys.executable, "-m", "uv", "-q"]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(folder)], check=True)
    python = str(folder / "bin" / "python")
    package = f"mlflow=={version('mlflow-skinny')}"
    subprocess.run([*uv, "pip", "install", "--python", python, package], check=True)
    return folder / "bin" / "mlflow"


@contextmanager
def serve_mlflow(program: Path, folder: Path, port: int) -> Iterator[None]:
    """Run a real MLflow server whose data is in `folder`."""
    folder.mkdir(exist_ok=True)
    command = [str(program), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )

    def answers() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        wait_until(answers, "the server answers")
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_one(make_run: MakeRun, run_id: str, **sections: Any) -> tuple[Run, str | None]:
    run = make_run(run_id, **sections)
    run_pipeline(run, last="evaluate")
    return run, tracking.finish_tracking(run.settings, run_id)


@pytest.mark.full
def test_a_real_server_is_tracked_to_and_catches_up_after_it_was_away(
    make_run: MakeRun,
    server_program: Path,
    tmp_path: Path,
    tracked: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    run, sentence = run_one(make_run, "1")
    assert sentence is not None
    assert re.fullmatch(
        rf"run 1 is not in MLflow yet: the MLflow server at {url} does not answer\. "
        "The next command sends it",
        sentence,
    )
    with serve_mlflow(server_program, tmp_path / "server", port):
        tracking.send_in_background(run.settings)
        wait_until(lambda: not tracking.list_unsent(run.store), "the server gets run 1")
        second = make_run("2", train={"epochs": 1500})
        run_pipeline(second)  # registers, which needs the server
        assert tracking.finish_tracking(second.settings, "2") is None
        first, last = tracked("1"), tracked("2")
        assert first.info.status == "KILLED"  # it ended between two stages
        assert first.data.metrics["test_accuracy"] > 0.9
        assert last.info.status == "FINISHED"
        client = connect(tmp_path)
        assert len(client.get_metric_history(last.info.run_id, "val_loss")) == 1500
        files = {file.path for file in client.list_artifacts(last.info.run_id)}
        assert files == {"report.html", "evaluation.json"}
        (version,) = client.search_model_versions()
        assert version.run_id == last.info.run_id

        # A pod ends with its stage, so the last one waits until everything was sent.
        pods = make_run("3", compute="kubernetes", storage_root=str(tmp_path / "toy"))
        run_pipeline(pods)
        assert tracking.list_unsent(pods.store) == []
        assert tracked("3").info.status == "FINISHED"
