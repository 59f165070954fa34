"""Training in a TrainJob: its result, its failures, and that it is always deleted."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import kubernetes
import pytest
from conftest import MakeRun
from kfp_kubernetes import FakeKubernetes, serve_kubernetes
from kfp_project import KIT, KUBEFLOW
from kubernetes import client
from scaffold import Inputs, prepare_inputs
from stopping import find_processes

from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.kubeflow import trainer, trainjob, waiting
from mlpo_kit.kubeflow.description import read_kubeflow_cluster
from mlpo_kit.kubeflow.trainjob import render_trainjob
from mlpo_kit.runs.workspace import Run

pytestmark = [KUBEFLOW, pytest.mark.slow]

Prepared = tuple[Run, Inputs]


@pytest.fixture
def cluster(toy: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubernetes]:
    """A cluster, as the task finds it in its environment."""
    fake = FakeKubernetes()
    settings = load_settings("cluster", ["train.nodes=2"])
    template = render_trainjob(settings, read_kubeflow_cluster(settings))
    monkeypatch.setenv(trainjob.TEMPLATE, json.dumps(template))
    monkeypatch.setenv(trainer.NAMESPACE, "team")
    monkeypatch.setenv(trainer.POD, "train-pod")
    monkeypatch.setenv(trainer.POD_ID, "1-2-3")
    monkeypatch.setattr(trainer, "POLL_SECONDS", 0.2)
    # For the pods, which are processes here.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(KIT), str(toy.root / "src")]))
    with serve_kubernetes(fake) as url:
        here = client.Configuration(host=url)
        here.retries = False
        client.Configuration.set_default(here)
        monkeypatch.setattr(kubernetes.config, "load_incluster_config", lambda: None)
        yield fake


@pytest.fixture
def prepared(make_run: MakeRun) -> Prepared:
    """A run that trains on two machines, and the inputs of its training."""
    return prepare(make_run("Run_1", train={"nodes": 2}))


def prepare(run: Run) -> Prepared:
    """Return the run and the inputs of its training."""
    return run, prepare_inputs(run)


def train(prepared: Prepared) -> Any:
    """Train as the task does."""
    run, inputs = prepared
    return run_stage(run, run.pipeline["train"], **inputs, launch=trainer.launch_trainjob)


def test_two_machines_train_the_same_model_as_one(
    cluster: FakeKubernetes, prepared: Prepared, make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    cluster.jobs["train-run-1"] = {"left": "by an earlier try"}
    together = train(prepared)
    (job,) = cluster.made
    assert job["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "train-pod", "uid": "1-2-3"}
    ]
    assert cluster.jobs == {}
    assert "epoch 3: val accuracy 0.9667" in caplog.text

    _, inputs = prepared
    one = make_run("2")
    alone = run_stage(one, one.pipeline["train"], **inputs)
    assert together.val_loss == alone.val_loss
    assert together.model.sha256 == alone.model.sha256


FAILED = {"type": "Failed", "reason": "DeadlineExceeded", "message": "too long"}


@pytest.mark.parametrize(
    ("refused", "condition", "words"),
    [
        ({}, FAILED, "the TrainJob failed: DeadlineExceeded: too long"),
        ({}, {"type": "Complete"}, r"left no runs/Run_1/train/result\.json in the store"),
        ({}, {"type": "Suspended"}, "the TrainJob was not done after 0.0 hours"),
        ({"POST": 403}, None, r"may not create TrainJobs in the namespace team: .*rbac\.yaml"),
        ({"GET": 403}, FAILED, "may not look at TrainJobs in the namespace team"),
        ({"POST": 404}, None, r"has no TrainJobs .*install Kubeflow Trainer"),
        ({"POST": 400}, None, "did not create the TrainJob: 400 as the test says"),
        ({"POST": 500}, None, "the cluster's API fails with 500"),
        ({"GET": 404}, FAILED, "the TrainJob train-run-1 was deleted while it trained"),
        ({"GET": 503}, FAILED, "the cluster's API fails with 503"),
    ],
)
def test_a_failure_is_one_sentence_and_leaves_no_trainjob(
    cluster: FakeKubernetes,
    prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
    refused: dict[str, int],
    condition: dict[str, str] | None,
    words: str,
) -> None:
    monkeypatch.setattr(trainer, "find_limit", lambda _: 2)
    monkeypatch.setattr(trainer, "PATIENCE_SECONDS", 1)
    cluster.answers, cluster.condition = refused, condition
    with pytest.raises(PipelineError, match=words) as caught:
        train(prepared)
    assert "\n" not in str(caught.value)
    assert cluster.jobs == {}


JOB = {"jobset.sigs.k8s.io/jobset-name": "train-run-1"}
UNPULLED = {
    "metadata": {"name": "node-0", "labels": JOB},
    "status": {
        "containerStatuses": [
            {
                "name": "node",
                "image": "registry.local/project:1",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"waiting": {"reason": "ImagePullBackOff"}},
            }
        ]
    },
}
UNSCHEDULED = {
    "metadata": {"name": "node-0", "labels": JOB},
    "status": {
        "conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/3: Insufficient gpu"}
        ]
    },
}
REFUSED = {
    "metadata": {"name": "event"},
    "involvedObject": {"kind": "Job", "name": "train-run-1-node-0"},
    "reason": "FailedCreate",
    "message": "exceeded quota: team",
}
OTHERS = {
    "pods": [{**UNPULLED, "metadata": {"name": "other", "labels": {}}}],
    "events": [{**REFUSED, "involvedObject": {"kind": "Job", "name": "other"}}],
}


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ({"pods": [UNPULLED]}, r"registry.local/project:1 can't be pulled: .*make push"),
        ({"pods": [UNSCHEDULED]}, "after 0.0 hours: no node has room for them: 0/3: Insufficient"),
        ({"pods": [], "events": [REFUSED]}, "namespace team refuses them: exceeded quota"),
        (OTHERS, "after 0.0 hours: do 2 machines have room for its pods"),
        ({}, "after 0.0 hours: do 2 machines have room"),
    ],
)
def test_the_reason_why_pods_do_not_start_is_reported(
    cluster: FakeKubernetes,
    prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    lists: dict[str, list[Any]],
    words: str,
) -> None:
    monkeypatch.setattr(trainer, "find_limit", lambda _: 1)
    monkeypatch.setattr(waiting, "PULL_SECONDS", 0.3)
    cluster.condition, cluster.lists = {"type": "Created"}, lists
    with pytest.raises(PipelineError, match=words):
        train(prepared)
    assert caplog.text.count("the pods of the TrainJob wait") == (0 if "do 2" in words else 1)
    assert cluster.jobs == {}


def test_an_exceeded_quota_is_reported(cluster: FakeKubernetes, prepared: Prepared) -> None:
    cluster.answers = {"POST": 403}
    cluster.words = "trainjobs is forbidden: exceeded quota: team"
    with pytest.raises(PipelineError, match="quota of the namespace team leaves no room for a Tra"):
        train(prepared)
    assert cluster.jobs == {}


@pytest.mark.parametrize(("create", "is_left"), [(403, False), (500, True)])
def test_only_a_trainjob_that_may_exist_is_reported_as_left(
    cluster: FakeKubernetes,
    prepared: Prepared,
    caplog: pytest.LogCaptureFixture,
    create: int,
    is_left: bool,
) -> None:
    cluster.answers = {"POST": create, "DELETE": 403}
    with pytest.raises(PipelineError):
        train(prepared)
    assert ("can't delete the TrainJob train-run-1, delete it yourself" in caplog.text) == is_left


def test_the_error_of_a_process_is_that_of_the_task(
    cluster: FakeKubernetes, make_run: MakeRun
) -> None:
    with pytest.raises(PipelineError, match=r"TrainJob failed: .*the training has a defect"):
        train(prepare(make_run("2", train={"nodes": 2, "fail": True})))
    assert cluster.jobs == {}


def list_trained(root: Path) -> list[int]:
    """List the processes that train, which torchrun starts with `python -u`."""
    found = []
    for number in find_processes(root):
        with suppress(FileNotFoundError):
            command = Path(f"/proc/{number}/cmdline").read_bytes()
            found += [number] if b"\0-u\0-m\0mlpo_kit.training.worker\0" in command else []
    return found


@pytest.mark.full
def test_a_process_that_is_killed_is_named_with_its_signal(
    cluster: FakeKubernetes, make_run: MakeRun, toy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "find_limit", lambda _: 60)
    victims: list[int] = []

    def kill_one() -> None:
        while len(victims) < 2:  # both machines train
            time.sleep(0.2)
            victims[:] = list_trained(toy.root)
        time.sleep(1)
        os.kill(victims[0], signal.SIGKILL)

    slow = make_run("Run_1", train={"nodes": 2, "sleep_seconds": 600})
    prepared = prepare(slow)
    threading.Thread(target=kill_one, daemon=True).start()
    try:
        words = r"the TrainJob failed: process [01] was killed by signal 9 \(SIGKILL\)$"
        with pytest.raises(PipelineError, match=words):
            train(prepared)
    finally:
        for process in set(find_processes(toy.root)) - {os.getpid()}:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    assert cluster.jobs == {}


def test_waiting_ends_a_little_before_the_tasks_time_out(make_run: MakeRun) -> None:
    from mlpo_kit.runs.workspace import Workspace

    timed = make_run("3", resources={"train": {"timeout_hours": 24}})
    assert trainer.find_limit(Workspace(timed, "train")) == 23.5 * 3600
    short = make_run("4", resources={"train": {"timeout_hours": 0.1}})
    assert trainer.find_limit(Workspace(short, "train")) == 180


def test_a_terminated_task_deletes_its_trainjob(
    cluster: FakeKubernetes, prepared: Prepared
) -> None:
    cluster.condition = {"type": "Created"}

    def end_it() -> None:
        while not cluster.made:  # from then on it listens
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_it, daemon=True).start()
    with pytest.raises(PipelineError, match="the task was terminated"):
        train(prepared)
    assert len(cluster.made) == 1
    assert cluster.jobs == {}


def test_without_a_trainjob_the_task_says_so(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(trainjob.TEMPLATE, raising=False)
    with pytest.raises(PipelineError, match="this task was compiled for one machine"):
        train(prepared)
