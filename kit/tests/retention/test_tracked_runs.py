"""A prune deletes the tracked runs and the snapshots of runs of which nothing is left."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException

from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.tracking import UNSENT, list_unsent, write_mark
from mlpo_kit.models import deletion
from mlpo_kit.models.deletion import delete_tracked_runs
from mlpo_kit.models.tracking import connect
from mlpo_kit.models.ui_environment import FOLDER, install_ui
from mlpo_kit.models.ui_server import serving_ui
from mlpo_kit.retention.inventory import gather_facts
from mlpo_kit.retention.marks import read_tombstones
from mlpo_kit.retention.prune import _delete_snapshots, apply_plan, may_drop, plan_prune
from mlpo_kit.retention.view import summarize_plan, to_document
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store.files import write_json

TABLES = ("runs", "metrics", "latest_metrics", "params", "tags")
HOUR, DAY = 3600, 86400


def track(folder: Path, run_id: str, experiment: str = "toy", trials: int = 2) -> list[str]:
    """Track a run and its trials; returns the ids of their MLflow runs."""
    client = connect(folder)
    known = client.get_experiment_by_name(experiment)
    location = (folder / "artifacts").as_uri()
    own = (
        known.experiment_id
        if known
        else client.create_experiment(experiment, artifact_location=location)
    )
    ids: list[str] = []
    for number in range(trials + 1):
        tags = {"mlpo.run": run_id}
        if number:
            tags |= {"mlpo.stage": f"train-{number}", "mlflow.parentRunId": ids[0]}
        ids.append(client.create_run(own, tags=tags).info.run_id)
        client.log_metric(ids[-1], "val_loss", 0.1)
        client.log_param(ids[-1], "train.epochs", 5)
        client.log_text(ids[-1], "a report", "report.html")
    return ids


def list_runs(client: MlflowClient, view: int = ViewType.ALL) -> set[str]:
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return {run.info.run_id for run in client.search_runs(ids, "", view)}


def count_rows(folder: Path, mlflow_run: str) -> dict[str, int]:
    """Count the rows of an MLflow run in the local registry, by table."""
    with sqlite3.connect(folder / "mlflow.db") as database:
        query = "SELECT count(*) FROM {} WHERE run_uuid = ?"
        return {
            table: database.execute(query.format(table), [mlflow_run]).fetchone()[0]
            for table in TABLES
        }


def add_old_run(run: Run, run_id: str, snapshot: str = "") -> None:
    """Leave a month-old file of a run without records, and the name of its snapshot."""
    folder = run.settings.local_root / "runs" / run_id
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "model").write_bytes(b"weights")
    if snapshot:
        write_json(folder / "run.json", {"snapshot": snapshot})
    make_old(*folder.rglob("*"))


def make_old(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (time.time() - 30 * DAY,) * 2)


def prune(run: Run) -> Any:
    return apply_plan(run.settings, lambda _settings, _runs: None, lambda _: ())


@pytest.mark.slow
def test_a_tracked_run_is_deleted_for_good_with_its_trials_and_files(
    toy: Project, registry: Path
) -> None:
    gone, left = track(registry, "gone"), track(registry, "left")
    client = connect(registry)
    client.delete_run(gone[1])  # by a user, in the UI: only marked as deleted
    for _ in range(2):
        delete_tracked_runs(registry, ["toy"], {"gone": None, "never tracked": None})
        assert list_runs(client) == {*left}
        assert {path.name for path in (registry / "artifacts").iterdir()} == {*left}
    for mlflow_run in gone:
        assert count_rows(registry, mlflow_run) == dict.fromkeys(TABLES, 0)
    assert min(count_rows(registry, left[0]).values()) > 0


def test_a_run_in_another_experiment_is_found_by_its_noted_mlflow_run(
    toy: Project, registry: Path
) -> None:
    earlier, other = track(registry, "1", "an earlier name"), track(registry, "1", "not ours")
    delete_tracked_runs(registry, ["toy"], {"1": None})
    assert list_runs(connect(registry)) == {*earlier, *other}
    delete_tracked_runs(registry, ["toy"], {"1": earlier[0]})
    assert list_runs(connect(registry)) == {*other}


def test_a_copied_registry_does_not_delete_the_files_of_the_original(
    toy: Project, registry: Path, tmp_path: Path
) -> None:
    track(registry, "1", trials=0)
    copy = Path(shutil.copytree(registry, tmp_path / "copy" / "registry"))
    delete_tracked_runs(copy, ["toy"], {"1": None})
    assert not list_runs(connect(copy))
    assert not list((copy / "artifacts").iterdir())
    assert list((registry / "artifacts").glob("*/artifacts/report.html"))


@pytest.mark.slow
def test_a_tracked_run_that_could_not_be_deleted_is_deleted_by_the_next_prune(
    make_run: MakeRun, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    add_old_run(run, "gone")
    track(registry, "gone")

    def fail(*_: Any) -> None:
        raise MlflowException("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(deletion, "_delete_run", fail)
        with pytest.raises(PipelineError, match="does not answer: no answer"):
            prune(run)
    assert read_tombstones(run.store).keys() == {"gone"}
    assert len(list_runs(connect(registry))) == 3

    prune(run)
    assert not read_tombstones(run.store)
    assert not list_runs(connect(registry))
    assert plan_prune(run.settings, lambda _: ()).is_empty


def test_a_file_that_cannot_be_deleted_is_named(
    toy: Project, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mlflow_run,) = track(registry, "1", trials=0)

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(PipelineError, match=f"{mlflow_run} can't be deleted: Permission denied"):
        delete_tracked_runs(registry, ["toy"], {"1": None})
    assert list_runs(connect(registry)) == {mlflow_run}


def test_snapshots_are_deleted_with_the_last_run_that_names_them(make_run: MakeRun) -> None:
    run = make_run()
    folder = run.settings.local_root / "snapshots"
    folder.mkdir()
    for name in ("alone", "shared", "young", "nobodys"):
        (folder / f"{name}.zip").write_bytes(b"code")
    make_old(*folder.iterdir())
    os.utime(folder / "young.zip")
    for run_id, name in (("1", "alone"), ("2", "shared"), ("3", "shared")):
        add_old_run(run, run_id, name)
    (run.settings.local_root / "runs" / "3" / "keep").touch()
    plan = prune(run)
    assert plan.snapshots == ("snapshots/alone.zip", "snapshots/nobodys.zip")
    assert {path.stem for path in folder.iterdir()} == {"shared", "young"}
    os.utime(folder / "young.zip", (time.time() - HOUR - 60,) * 2)
    prune(run)
    assert {path.stem for path in folder.iterdir()} == {"shared"}


def test_what_was_not_sent_is_told_and_goes_with_its_run(make_run: MakeRun) -> None:
    run = make_run()
    for run_id in ("old", "marked", "gone", "young"):
        write_mark(run.store, run_id)
    for run_id in ("old", "marked"):
        add_old_run(run, run_id)
    (run.settings.local_root / "runs" / "marked" / "keep").touch()
    folder = run.settings.local_root / UNSENT
    make_old(*(folder / f"{run_id}.json" for run_id in ("old", "marked", "gone")))
    plan = plan_prune(run.settings, lambda _: ())
    reasons = {verdict.run_id: verdict.reason for verdict in plan.runs}
    assert reasons == {
        "old": "has no readable record; not all of it was sent to MLflow",
        "marked": "marked keep",
    }
    assert "2 runs not fully sent to MLflow" in summarize_plan(plan, is_applied=False)
    assert to_document(plan, is_applied=False)["unsent"] == ["gone", "old"]
    assert list_unsent(run.store) == ["gone", "marked", "old", "young"]
    assert may_drop(run.settings)
    assert prune(run).unsent == ("gone", "old")
    assert list_unsent(run.store) == ["marked", "young"]
    assert not may_drop(run.settings)


def test_a_run_that_is_starting_keeps_its_files(make_run: MakeRun) -> None:
    run = make_run()
    run.store.write_json("runs/new/run.json", {"snapshot": "code"})
    run.store.write("snapshots/code.zip", b"code")
    make_old(run.settings.local_root / "snapshots" / "code.zip")
    assert not prune(run).losing_files
    assert run.store.children("snapshots") == ["code.zip"]
    make_old(run.settings.local_root / "runs" / "new" / "run.json")
    prune(run)  # it never started
    assert not run.store.children("snapshots")
    assert not run.store.children("runs")


def test_a_bucket_keeps_the_snapshot_of_a_run_that_starts_during_a_prune(make_run: MakeRun) -> None:
    run = make_run(storage_root="memory://starting/bucket")
    for name in ("needed", "unneeded"):
        run.store.write(f"snapshots/{name}.zip", b"code")
    plan = plan_prune(run.settings, lambda _: ())
    assert plan.snapshots == ("snapshots/needed.zip", "snapshots/unneeded.zip")
    run.store.write_json("runs/new/run.json", {"snapshot": "needed"})
    _delete_snapshots(run.store, plan)
    assert run.store.children("snapshots") == ["needed.zip"]
    assert gather_facts(run.store).runs[0].snapshot == "snapshots/needed.zip"


@pytest.fixture
def server(
    toy: Project, registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A real MLflow server; returns the folder of its registry."""
    remote = Path(shutil.copytree(registry, tmp_path / "server"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    backend = f"sqlite:///{remote / 'mlflow.db'}"
    python = install_ui(toy.root)
    with serving_ui(python, backend, remote, port, tmp_path / "server.log"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        yield remote
    shutil.rmtree(toy.root / FOLDER)  # 0.6 GB


@pytest.mark.full
@pytest.mark.slow
def test_a_server_marks_tracked_runs_as_deleted_and_their_files_are_gone(
    server: Path, make_run: MakeRun
) -> None:
    run = make_run()
    add_old_run(run, "gone")
    gone, left = track(server, "gone"), track(server, "left")
    prune(run)
    client = connect(server)
    assert list_runs(client, ViewType.ACTIVE_ONLY) == {*left}
    assert list_runs(client, ViewType.DELETED_ONLY) == {*gone}  # until the server's own gc
    pages = (server / "artifacts").glob("*/artifacts/report.html")
    assert {page.parts[-3] for page in pages} == {*left}
    assert not read_tombstones(run.store)
    assert plan_prune(run.settings, lambda _: ()).is_empty
