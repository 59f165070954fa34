"""MLflow says of each run and trial what its records say, however often it is sent."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import asdict, replace
from typing import Any

import pytest
from conftest import MakeRun
from pydantic_core import to_jsonable_python

from mlpo_kit.cli.__main__ import main
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution import tracking
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.execution.tracking import locate_state, read_mark, read_state
from mlpo_kit.models.sending import send_run
from mlpo_kit.models.tracked import RUN, STAGE
from mlpo_kit.models.tracking import connect, ensure_experiment, find_runs, open_run
from mlpo_kit.runs.pipeline import OTHER_FILES
from mlpo_kit.runs.records import locate_record, read_record, write_record
from mlpo_kit.runs.start import Start, locate_start
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.search.sweep import plan_sweep
from mlpo_kit.search.trials import choose_trial, run_trial

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("registry", "no_process")]

CLOSED = "http://127.0.0.1:9"  # nobody listens there
PAGE = "<p>the page</p>"


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracking is on, but the process in the background never starts."""
    monkeypatch.setenv(tracking.VARIABLE, "on")
    monkeypatch.setattr(tracking, "_start_process", lambda *_: None)


def send(run: Run) -> Any:
    """Send a run as the next command does; returns its MLflow run."""
    sent = send_run(run.settings, run.id, lambda: PAGE)
    assert sent is not None
    return connect(run.settings.local_root / "registry").get_run(sent.mlflow_run)


def find_all(run: Run) -> dict[str, Any]:
    """The MLflow runs of a run, by trial."""
    client = connect(run.settings.local_root / "registry")
    experiment_id = ensure_experiment(client, "toy", run.settings.local_root / "registry")
    runs = client.search_runs([experiment_id], f"tags.`{RUN}` = '{run.id}'")
    found = {item.data.tags.get(STAGE, ""): item for item in runs}
    assert len(found) == len(runs)
    return found


def count_points(run: Run) -> int:
    with sqlite3.connect(run.settings.local_root / "registry" / "mlflow.db") as database:
        (count,) = database.execute("select count(*) from metrics").fetchone()
    return int(count)


def test_a_completed_run_is_in_mlflow_with_all_that_is_known_of_it(make_run: MakeRun) -> None:
    run = make_run(train={"epochs": 4})
    results = run_pipeline(run)
    tracked = send(run)

    assert tracked.info.status == "FINISHED"
    assert tracked.info.run_name == "1"
    tags = tracked.data.tags
    assert tags["mlpo.status"] == "completed"
    assert tags["dataset_version"] == results["ingest"].version
    assert tags["mlpo.device"] == "cpu"
    record = read_record(run.store, "1", "train")
    assert record is not None
    assert tags["code_digest"] == record.code
    assert tracked.data.params["train.epochs"] == "4"
    assert tracked.data.params["register.min_accuracy"] == "0.5"
    assert tracked.data.metrics["test_accuracy"] == results["evaluate"].metrics["accuracy"]
    assert tracked.data.metrics["duration_seconds"] > 0
    assert tracked.data.metrics["gpu_seconds_held"] == 0
    client = connect(run.settings.local_root / "registry")
    points = client.get_metric_history(tracked.info.run_id, "val_loss")
    assert [point.step for point in points] == [1, 2, 3, 4]
    began, ended = int(record.started * 1000), int((record.ended or 0) * 1000)
    assert all(began <= point.timestamp <= ended for point in points)
    files = {file.path for file in client.list_artifacts(tracked.info.run_id)}
    assert files == {"report.html", "evaluation.json"}  # the page, and what the version came with
    (version,) = client.search_model_versions()
    assert version.run_id == tracked.info.run_id


@pytest.mark.full
def test_sending_again_adds_nothing(make_run: MakeRun) -> None:
    run = make_run(train={"epochs": 4})
    run_pipeline(run, last="evaluate")
    first, points = send(run), count_points(run)
    assert send(run).info.run_id == first.info.run_id
    run.store.delete([locate_state("1")])  # also if nobody knows any more what was sent
    again = send(run)
    assert again.info.run_id == first.info.run_id
    assert again.data.metrics == first.data.metrics
    assert count_points(run) == points
    assert list(find_all(run)) == [""]


@pytest.mark.full
def test_a_run_is_sent_anew_if_somebody_deleted_it_in_mlflow(make_run: MakeRun) -> None:
    run = make_run()
    run_pipeline(run, last="train")
    deleted = send(run).info.run_id
    connect(run.settings.local_root / "registry").delete_run(deleted)
    run_pipeline(run)
    assert send(run).info.run_id != deleted
    assert send(run).data.metrics["val_loss"] > 0


@pytest.mark.full
def test_a_refused_run_is_finished_with_its_reason(make_run: MakeRun) -> None:
    run = make_run(register={"min_accuracy": 1.0})
    run_pipeline(run)
    tracked = send(run)
    assert tracked.info.status == "FINISHED"
    assert tracked.data.tags["mlpo.status"] == "refused"
    assert "is below register.min_accuracy" in tracked.data.tags["mlpo.reason"]


def test_a_failed_run_that_goes_on_is_open_again(make_run: MakeRun) -> None:
    run = make_run(validate={"min_rows": 1000})
    with pytest.raises(PipelineError, match="at least 1000"):
        run_pipeline(run)
    failed = send(run)
    assert failed.info.status == "FAILED"
    assert failed.data.tags["mlpo.status"] == "failed"
    assert "at least 1000" in failed.data.tags["mlpo.reason"]

    run_pipeline(make_run(validate={"min_rows": 1}), last="train")
    assert send(run).info.status == "RUNNING"
    run_pipeline(make_run(validate={"min_rows": 1}))
    again = send(run)
    assert again.info.run_id == failed.info.run_id
    assert again.info.status == "FINISHED"
    assert again.data.tags["mlpo.reason"] == ""


@pytest.mark.full
def test_what_a_run_started_from_is_sent_too(make_run: MakeRun) -> None:
    run = make_run(validate={"min_rows": 1000}, train={"epochs": 5})
    start = Start(
        "1", 1e9, "test", to_jsonable_python(run.settings), commit="4f2c", is_clean=False, kit="0.2"
    )
    with pytest.raises(PipelineError, match="at least 1000"):
        run_pipeline(run)
    run.store.write_json(locate_start("1"), asdict(start))
    tracked = send(run)
    assert tracked.data.params["train.epochs"] == "5"  # also the settings of what did not run
    assert tracked.data.params["storage_root"] == "."
    assert tracked.data.params["caching.enabled"] == "True"
    assert tracked.info.start_time == 1e12
    tags = tracked.data.tags
    assert (tags["mlpo.commit"], tags["mlpo.clean"], tags["mlpo.kit"]) == ("4f2c", "false", "0.2")


@pytest.mark.full
def test_a_run_whose_stages_were_reused_has_their_epochs(make_run: MakeRun) -> None:
    run_pipeline(make_run("1"))
    second = make_run("2")
    run_pipeline(second)
    tracked = send(second)
    assert tracked.info.status == "FINISHED"
    assert tracked.data.tags["mlpo.reused"] == "ingest, preprocess, validate, train, evaluate"
    client = connect(second.settings.local_root / "registry")
    points = client.get_metric_history(tracked.info.run_id, "val_loss")
    assert [point.step for point in points] == [1, 2, 3]


def test_each_trial_is_an_mlflow_run_inside_that_of_the_sweep(make_run: MakeRun) -> None:
    run = make_run()
    space = {"search": "grid", "metric": "val_loss", "space": {"train.learning_rate": [0.1, 0.003]}}
    space["space"]["train.fail"] = [False, True]  # type: ignore[index]
    sweep, trials = plan_sweep(space, run.settings)
    prepared = run_pipeline(run, last="preprocess")["preprocess"]
    inputs = {"dataset": prepared.dataset, "splits": prepared.splits}
    outcomes = [run_trial(run, trial, **inputs) for trial in trials]
    assert "train.learning_rate" not in send(run).data.params  # not known before one is chosen
    choose_trial(run, sweep, trials, outcomes)
    send(run)

    found = find_all(run)
    assert set(found) == {"", "train-1", "train-2", "train-3", "train-4"}
    parent = found.pop("")
    assert parent.data.params["train.learning_rate"] == "0.003"  # that of the best trial
    assert {item.data.tags["mlflow.parentRunId"] for item in found.values()} == {parent.info.run_id}
    statuses = {name: item.info.status for name, item in found.items()}
    assert statuses == dict.fromkeys(("train-1", "train-3"), "FINISHED") | dict.fromkeys(
        ("train-2", "train-4"), "FAILED"
    )
    assert found["train-1"].data.params["train.learning_rate"] == "0.1"
    assert "has a defect" in found["train-2"].data.tags["mlpo.reason"]
    assert found["train-3"].data.metrics["train.val_loss"] > 0

    written = {path.name for path in (run.settings.local_root / "runs" / "1").iterdir()}
    own = {name for name in written if any(stage in name for stage in run.pipeline)}
    assert written - own <= {*OTHER_FILES.values()}  # no stage can be named like one of these


def test_a_killed_run_is_closed_from_its_record_with_its_epochs(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    run_pipeline(run, last="train")
    record = read_record(run.store, "1", "train")
    assert record is not None
    # What a kill leaves: a record that says `running`, and the epochs so far.
    write_record(run.store, replace(record, state="running", ended=None, outputs={}, values={}))
    assert main(["track"]) == 0
    assert "1  complete" in capsys.readouterr().out
    tracked = find_all(run)[""]
    assert tracked.info.status == "KILLED"
    assert tracked.data.tags["mlpo.status"] == "killed"
    assert tracked.data.metrics["val_accuracy"] > 0.9
    assert read_mark(run.store, "1") is None
    assert main(["track"]) == 0
    assert capsys.readouterr().out == "everything is in MLflow\n"


@pytest.mark.full
def test_a_run_that_ended_between_two_stages_is_closed_once_its_command_is_over(
    make_run: MakeRun,
) -> None:
    run = make_run()
    run_pipeline(run, last="train")
    assert send(run).info.status == "RUNNING"
    tracking.write_mark(run.store, "1", is_over=True)
    tracked = send(run)
    assert tracked.info.status == "KILLED"
    assert tracked.data.tags["mlpo.status"] == "incomplete"


@pytest.mark.full
def test_many_epochs_arrive(make_run: MakeRun) -> None:
    run = make_run(train={"epochs": 1})
    work = Workspace(run, "train")
    columns = ("train_loss", "val_loss", "val_accuracy", "learning_rate", "seconds", "rate")
    for epoch in range(1, 1501):
        work.log_metrics({"epoch": epoch, **dict.fromkeys(columns, epoch / 7)})
    run_pipeline(run, last="train")
    tracked = send(run)
    client = connect(run.settings.local_root / "registry")
    for name in columns:
        points = client.get_metric_history(tracked.info.run_id, name)
        assert [point.step for point in points] == list(range(1, 1501))
        assert points[-1].value == 1500 / 7


def test_a_server_that_is_away_loses_nothing_and_is_told_in_a_sentence(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", CLOSED)
    run = make_run()
    run_pipeline(run, last="evaluate")
    assert main(["track", "--json"]) == 1
    out, err = capsys.readouterr()
    (outcome,) = json.loads(out)["runs"]
    assert outcome["problem"] == f"the MLflow server at {CLOSED} does not answer"
    assert err.startswith(f"error: {outcome['problem']}; nothing is lost")
    assert "Traceback" not in err
    assert tracking.list_unsent(run.store) == ["1"]

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    tracking.write_mark(run.store, "1", is_over=True)
    assert main(["track"]) == 0
    assert tracking.list_unsent(run.store) == []
    assert find_all(run)[""].data.metrics["test_accuracy"] > 0.9
    assert "problem" not in read_state(run.store, "1")


def test_a_run_that_mlflow_refuses_holds_up_no_other(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person may delete an experiment in MLflow's UI; it then takes no more runs."""
    for run_id, model_name in (("1", "deleted"), ("2", "toy")):
        run = make_run(run_id, register={"model_name": model_name})
        run_pipeline(run, last="ingest")
    folder = run.settings.local_root / "registry"
    client = connect(folder)
    client.delete_experiment(ensure_experiment(client, "deleted", folder))
    assert main(["track", "--json"]) == 1
    out, err = capsys.readouterr()
    first, second = json.loads(out)["runs"]
    assert first["state"] == "not sent"
    assert (second["run_id"], second["state"]) == ("2", "running")
    assert err.count("error: ") == 1
    assert f"MLflow at {folder} fails: " in err


@pytest.mark.full
def test_a_damaged_mlflow_file_is_told_and_stops_no_run(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    database = run.settings.local_root / "registry" / "mlflow.db"
    database.write_bytes(b"no database" * 1000)
    run_pipeline(run, last="evaluate")
    assert main(["track"]) == 1
    assert f"MLflow at {database.parent} fails: " in capsys.readouterr().err
    assert tracking.list_unsent(run.store) == ["1"]


@pytest.mark.full
def test_two_machines_that_create_the_same_run_agree_on_one(make_run: MakeRun) -> None:
    run = make_run()
    folder = run.settings.local_root / "registry"
    client = connect(folder)
    experiment_id = ensure_experiment(client, "toy", folder)
    barrier = threading.Barrier(4)

    def create() -> None:
        barrier.wait()
        open_run(client, experiment_id, "7")

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(find_runs(client, experiment_id, "7")) == 1


def test_a_run_that_was_pruned_is_forgotten(make_run: MakeRun) -> None:
    run = make_run()
    run_pipeline(run, last="ingest")
    run.store.delete_tree("runs/1")
    assert main(["track"]) == 0
    assert tracking.list_unsent(run.store) == []
    assert run.store.children("runs/1") == []


@pytest.mark.full
def test_records_that_were_written_without_tracking_can_be_sent(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(tracking.VARIABLE, "off")
    run = make_run()
    run_pipeline(run)
    assert tracking.list_unsent(run.store) == []
    assert find_all(run)[""].info.status == "FINISHED"  # its version's lineage, as without tracking
    assert main(["track", "--run", "1"]) == 0
    assert "report.html" in [
        file.path
        for file in connect(run.settings.local_root / "registry").list_artifacts(
            find_all(run)[""].info.run_id
        )
    ]
    assert main(["track", "--run", "nothing"]) == 1
    assert "there is no run 'nothing'" in capsys.readouterr().err
    assert run.store.read(locate_record("1", "train"))
