"""The training request repeats while the weights are intact, and is new otherwise."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest
from conftest import MakeRun
from kfp_project import KUBEFLOW
from scaffold import Inputs, prepare_inputs

from mlpo_kit.kubeflow.executing import run_request, run_requester
from mlpo_kit.kubeflow.training_request import parse_request, write_request
from mlpo_kit.runs.pipeline import Pipeline, Stage
from mlpo_kit.runs.records import Record, read_record
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store import Ref

pytestmark = KUBEFLOW


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the logging of this process as it is."""
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)


class Artifact:
    """An artifact as KFP passes it to a component: a file, and metadata."""

    def __init__(self, folder: Any, name: str) -> None:
        """Name the file."""
        self.path, self.metadata = str(folder / name), dict[str, Any]()

    def log_metric(self, name: str, value: float) -> None:
        """Keep a metric."""
        self.metadata[name] = value


def train_by(request: str, folder: Any) -> dict[str, Ref]:
    """Do the work of the training task with a request; return the references that it hands on."""
    artifacts = {name: Artifact(folder, name) for name in ("model", "history", "metrics")}
    run_request("train", {"request": request, **artifacts})
    return {name: Ref(**artifacts[name].metadata) for name in ("model", "history")}


def find_run_id(request: str) -> str:
    """Return the id of the run that wrote a request."""
    run_id: str = json.loads(request)["run_id"]
    return run_id


def ask(run: Run, inputs: Inputs) -> str:
    """Write a run's request."""
    return write_request(run, run.pipeline["train"], inputs)


def find_record(run: Run) -> Record:
    """The record of a run's training."""
    record = read_record(run.store, run.id, "train")
    assert record is not None
    return record


@pytest.mark.slow
def test_a_request_is_the_same_while_the_kit_has_its_weights(
    make_run: MakeRun, tmp_path: Any
) -> None:
    first, second, third = (make_run(name) for name in "123")
    inputs = prepare_inputs(first)
    request = ask(first, inputs)
    assert find_run_id(request) == "1"
    assert ask(second, inputs) != request  # nobody has trained yet
    trained = train_by(request, tmp_path)

    # The same content under other references, as a run has it that made it again.
    again = prepare_inputs(replace(third, use_cache=False))
    assert again != inputs
    assert ask(third, again) == request
    record = find_record(third)
    assert (record.state, record.cache, record.cache_reason) == ("reused", "hit", "as in run 1")

    assert train_by(request, tmp_path) == trained  # where the cluster has forgotten
    assert find_record(first).attempt == 1

    for run in (make_run("4", train={"epochs": 2}), replace(make_run("5"), use_cache=False)):
        assert find_run_id(ask(run, inputs)) == run.id

    weights = first.store.open(trained["model"])
    weights.write_bytes(weights.read_bytes()[:-1])
    assert find_run_id(ask(make_run("6"), inputs)) == "6"


@pytest.mark.parametrize("kept", [None, "", "[]", '{"run_id": "7"}'])
def test_weights_without_a_request_are_used_all_the_same(
    make_run: MakeRun, tmp_path: Any, kept: str | None
) -> None:
    """As if another orchestrator had trained with the same store."""
    first, second = make_run("1"), make_run("2")
    inputs = prepare_inputs(first)
    trained = train_by(ask(first, inputs), tmp_path)
    place = "runs/1/train/request.json"
    first.store.delete([place])
    if kept is not None:
        first.store.write(place, kept.encode())
    request = ask(second, inputs)
    assert find_run_id(request) == "2"
    assert train_by(request, tmp_path) == trained
    assert find_record(second).cache_reason == "as in run 1"


@dataclass(frozen=True)
class Counts:
    """A value that a stage hands on, neither a reference nor a JSON type."""

    rows: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Counted:
    """The result of such a stage."""

    counts: Counts


def test_a_training_by_request_is_given_the_types_that_it_takes(make_run: MakeRun) -> None:
    stages = (
        Stage("validate", Counted),
        Stage("train", Counted, counts="validate.counts"),
    )
    pipeline = Pipeline(*stages, package="toy")
    counts = Counts(3, (1, 2))
    request = write_request(make_run(), pipeline["train"], {"counts": counts})
    assert parse_request(pipeline, request)[1] == {"counts": counts}


def test_an_outdated_request_ends_the_task_with_a_sentence(
    make_run: MakeRun, tmp_path: Any
) -> None:
    run = make_run()
    request = ask(run, prepare_inputs(run))
    run.store.open(train_by(request, tmp_path)["model"]).unlink()
    with pytest.raises(SystemExit, match=r"train       failed: .* is not in the store"):
        train_by(request, tmp_path)


def test_the_stage_before_training_writes_the_request(make_run: MakeRun, tmp_path: Any) -> None:
    run = make_run()
    artifacts = {name: Artifact(tmp_path, name) for name in ("dataset", "splits")}
    for name, ref in prepare_inputs(run).items():
        with open(artifacts[name].path, "w", encoding="utf-8") as file:
            json.dump(asdict(ref), file)
    given = {
        "run_id": "1",
        "profile": json.dumps({"project": "toy", "train": {"epochs": 2}}),
        "settings": "train.epochs=5",
        "use_cache": True,
        "code": "",
        "kit": "",
        **artifacts,
        "report": Artifact(tmp_path, "report"),
    }
    (request,) = run_requester("validate", given)
    assert json.loads(request)["settings"]["train"]["epochs"] == 5
    assert Ref(**json.loads(request)["inputs"]["splits"]).sha256
