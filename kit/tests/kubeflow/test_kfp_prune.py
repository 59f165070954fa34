"""Pruned runs are deleted from KFP's server, at the next prune if it does not answer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import MakeRun
from kfp_project import KUBEFLOW, kfp_user
from kfp_server import FakeApi, serve_api
from pydantic_core import to_json

from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.kubeflow import prune_pipeline, server
from mlpo_kit.kubeflow.prune import delete_runs, prune_store
from mlpo_kit.retention.marks import TOMBSTONES
from mlpo_kit.store import open_store

__all__ = ["kfp_user"]
pytestmark = KUBEFLOW

OLD = {
    "retention": {"keep_failed_days": 1e-9, "max_run_hours": 1e-9},
    "caching": {"enabled": False},
}


@pytest.fixture
def fake(kfp_user: Project) -> Iterator[FakeApi]:
    """A server that KF_PIPELINES_ENDPOINT does not name yet."""
    with serve_api(FakeApi()) as fake:
        yield fake


@pytest.fixture
def stopped(make_run: MakeRun, fake: FakeApi) -> Any:
    """A store with three runs that stopped early and are old enough to be pruned.

    All but the newest may go.
    """
    for _ in range(3):
        run = make_run(str(uuid.uuid4()), **OLD)
        run_stage(run, run.pipeline["ingest"])
        fake.runs.append({"run_id": run.id})
    return run.settings


def test_pruned_runs_go_from_the_server_as_well(
    fake: FakeApi, stopped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"run_id": str(uuid.uuid4())}
    gone, _, newest = [run["run_id"] for run in fake.runs]
    fake.runs[0] = other  # somebody deleted the first run there
    monkeypatch.setenv(server.ENDPOINT, fake.url)
    fake.multi_user = True  # a run's id is enough, whatever the namespace
    printed = prune_store(stopped)
    assert gone in printed
    assert fake.runs == [other, {"run_id": newest}]
    assert open_store(stopped).children("runs") == [newest, "latest.json"]
    assert open_store(stopped).children(TOMBSTONES) == []


def test_a_server_that_does_not_answer_is_told_the_next_time(
    fake: FakeApi, stopped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(server.ENDPOINT, "http://127.0.0.1:9")
    with pytest.raises(PipelineError, match="no server answers"):
        prune_store(stopped)
    assert len(open_store(stopped).children(TOMBSTONES)) == 2
    assert len(fake.runs) == 3
    monkeypatch.setenv(server.ENDPOINT, fake.url)
    prune_store(stopped)
    assert len(fake.runs) == 1
    assert open_store(stopped).children(TOMBSTONES) == []


def test_without_a_server_only_what_is_here_goes(fake: FakeApi, stopped: Any) -> None:
    outputs = stopped.local_root / "local_outputs"
    for name in ("project-2026-01-01-00-00-00-000000", "another"):
        (outputs / name / "train").mkdir(parents=True)
    delete_runs(stopped, ["project-2026-01-01-00-00-00-000000", "never-was"])
    assert [path.name for path in outputs.iterdir()] == ["another"]
    prune_store(stopped)
    assert len(fake.runs) == 3


def test_the_task_prunes_and_says_so(
    fake: FakeApi, stopped: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    prune_pipeline.prune.python_func(profile=to_json(stopped).decode())
    assert "pruned: 2 runs" in capsys.readouterr().out
    assert open_store(stopped).children("runs") == [fake.runs[-1]["run_id"], "latest.json"]
