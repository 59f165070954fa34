"""Training gives the same model, whether it is killed or not, alone or in a group."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic_core import to_jsonable_python
from safetensors.numpy import load_file
from scaffold import Inputs, MakeRun, prepare_inputs

from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.plan import format_plan, plan_run
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.records import read_record
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.training.checkpoints import Checkpoints

pytestmark = pytest.mark.slow

ROWS = {"width": 16, "blocks": [1], "dropout": 0.0}
# One run's training in a process of its own, which can be killed.
TRAINING = """
import json, sys
from mlpo_kit import Ref, Run
from mlpo_kit.config.settings import check_settings
from mlpo_kit.execution.runner import run_stage
run_id, settings, inputs = json.loads(sys.argv[1])
run = Run(run_id, "test", check_settings(settings))
run_stage(run, run.pipeline["train"], **{name: Ref(**ref) for name, ref in inputs.items()})
"""


def train(run: Run, inputs: Inputs, **watchers: Any) -> Any:
    return run_stage(run, run.pipeline["train"], **inputs, **watchers)


def start_training(run: Run, inputs: Inputs) -> subprocess.Popen[bytes]:
    words = json.dumps([run.id, to_jsonable_python(run.settings), to_jsonable_python(inputs)])
    return subprocess.Popen([sys.executable, "-c", TRAINING, words], start_new_session=True)


def wait_for_checkpoint(run: Run, process: subprocess.Popen[bytes], number: int = 1) -> None:
    """Wait until there was a checkpoint `number` times, so that the kill strikes in the middle."""
    seen: set[str] = set()
    while len(seen) < number:
        assert process.poll() is None, "it ended too soon"
        seen |= set(list_checkpoints(run))
        time.sleep(0.01)


def list_checkpoints(run: Run) -> list[str]:
    found = run.store.files("checkpoints")
    return sorted(item.key for item in found if item.key.endswith(".pt"))


def make_rows(folder: Path) -> dict[str, Any]:
    """Rows of numbers: their network normalises no batch, so a group can do the very same."""
    random = np.random.default_rng(0)
    y = np.arange(512) % 4
    np.savez(folder / "rows.npz", x=random.normal(size=(512, 8)) + y[:, None] * 0.5, y=y)
    return {"source": "table", "path": str(folder / "rows.npz")}


@pytest.fixture(autouse=True)
def all_messages(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.fixture
def killed(make_project_run: MakeRun) -> tuple[Run, Inputs, Any]:
    """A run that was killed in the middle of an epoch, its inputs, and what it would come to."""
    run = make_project_run("killed", train={"checkpoint_seconds": 0, "epochs": 2})
    inputs = prepare_inputs(run)
    other = make_project_run("whole", train={"epochs": 2}, caching={"enabled": False})
    whole = train(other, inputs)
    process = start_training(run, inputs)
    wait_for_checkpoint(run, process, 6)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return run, inputs, whole


def test_a_killed_training_resumes_to_the_same_model(
    killed: tuple[Run, Inputs, Any], make_project_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    run, inputs, whole = killed
    record = read_record(run.store, run.id, "train")
    assert record is not None
    assert record.state == "killed"
    assert len(list_checkpoints(run)) <= 3  # one may be too new to be known
    again = make_project_run("again", train={"checkpoint_seconds": 0, "epochs": 2})
    plan = format_plan(plan_run(again))
    assert re.search(
        r"train +run +.*; it resumes from the checkpoint of run killed, epoch 1, step \d+", plan
    )
    assert "resumes" not in format_plan(plan_run(replace(again, use_cache=False)))
    longer = make_project_run("longer", train={"epochs": 3})
    assert "resumes" not in format_plan(plan_run(longer))
    done = train(again, inputs)
    assert "resuming after epoch 0, step" in caplog.text
    assert done.model.sha256 == whole.model.sha256
    assert (done.val_loss, done.val_accuracy) == (whole.val_loss, whole.val_accuracy)
    assert "resumes" not in format_plan(plan_run(make_project_run("then", train={"epochs": 2})))
    assert len(list(again.store.files("checkpoints"))) <= 1  # not known to anybody: it expires


def test_the_previous_checkpoint_replaces_a_damaged_one(
    killed: tuple[Run, Inputs, Any], caplog: pytest.LogCaptureFixture
) -> None:
    run, inputs, whole = killed
    (index,) = (i.key for i in run.store.files("checkpoints") if i.key.endswith(".json"))
    newest = run.store.read_json(index)["newest_first"][0]["uri"].removeprefix("store://")
    run.store.write(newest, run.store.read(newest)[:-100])
    assert train(run, inputs).model.sha256 == whole.model.sha256
    assert "a checkpoint can't be used" in caplog.text
    assert "resuming after epoch 0, step" in caplog.text


def test_a_run_without_the_cache_does_not_resume(
    killed: tuple[Run, Inputs, Any], caplog: pytest.LogCaptureFixture
) -> None:
    run, inputs, whole = killed
    fresh = Run("fresh", "test", run.settings, use_cache=False)
    assert train(fresh, inputs).model.sha256 == whole.model.sha256
    assert "resuming" not in caplog.text


def test_checkpoints_of_another_run_of_the_same_work_are_kept(make_project_run: MakeRun) -> None:
    run = make_project_run("mine")
    work = Workspace(run, "train", "key")
    others = "checkpoints/key/other-1-1.pt"
    run.store.write(others, b"on its way")
    for name in ("1-1", "1-2", "1-3"):
        Checkpoints(work, 0).save({}, name)
    assert list_checkpoints(run) == [f"checkpoints/key/mine-1-{n}.pt" for n in (2, 3)] + [others]
    work.drop_checkpoints()
    assert [item.key for item in run.store.files("checkpoints")] == [others]


@pytest.mark.parametrize("settings", [{"data": "stream"}, {"data": "stream", "loader_threads": 1}])
def test_streamed_rows_give_the_same_model(
    make_project_run: MakeRun, settings: dict[str, Any]
) -> None:
    run = make_project_run("1", train={"epochs": 1})
    inputs = prepare_inputs(run)
    streaming = make_project_run("2", use_cache=False, train={"epochs": 1, **settings})
    other = train(streaming, inputs)
    assert other.model.sha256 == train(run, inputs).model.sha256
    assert "streamed from the disk" in other.data


def test_a_training_resumes_from_the_two_checkpoints_in_a_bucket(
    make_project_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"epochs": 1, "checkpoint_seconds": 0}
    run = make_project_run("1", train=settings, storage_root="memory://bucket")
    inputs = prepare_inputs(run)
    save = Checkpoints.save

    def save_and_stop(self: Checkpoints, state: dict[str, Any], name: str) -> None:
        save(self, state, name)
        if name == "1-5":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Checkpoints, "save", save_and_stop)
        train(run, inputs)
    record = read_record(run.store, run.id, "train")
    assert record is not None
    assert record.state == "interrupted"
    scratch = run.store.folder("checkpoints")
    assert len(list_checkpoints(run)) == len(list(scratch.rglob("*.pt"))) == 2
    whole = train(Run("2", "test", run.settings, use_cache=False), inputs)
    assert train(run, inputs).model.sha256 == whole.model.sha256


def test_a_group_reports_why_it_failed(make_project_run: MakeRun, tmp_path: Path) -> None:
    settings = {"model": ROWS, "processes": 2, "learning_rate": 1e30, "clip_norm": 1e30}
    run = make_project_run("1", ingest=make_rows(tmp_path), train=settings)
    with pytest.raises(PipelineError, match="the loss is no longer a number after epoch 1"):
        train(run, prepare_inputs(run))


def test_two_processes_give_the_model_of_one(make_project_run: MakeRun, tmp_path: Path) -> None:
    settings = {"epochs": 2, "model": ROWS, "batch_size": 32}
    two_of = {"processes": 2, "accumulate": 2}
    one = make_project_run("1", ingest=make_rows(tmp_path), train=settings)
    inputs = prepare_inputs(one)
    two = make_project_run("2", ingest=make_rows(tmp_path), train={**settings, **two_of})
    epochs: list[Any] = []
    alone, together = train(one, inputs), train(two, inputs, on_epoch=epochs.append)
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    assert together.val_loss == pytest.approx(alone.val_loss, abs=1e-4)
    weights, expected = (load_file(two.store.open(t.model)) for t in (together, alone))
    for name, value in expected.items():
        np.testing.assert_allclose(weights[name], value, atol=2e-4, err_msg=name)


def find_group(run: Run) -> list[int]:
    """Find a group's processes: those that train, then torchrun, then the stage."""
    place = str(run.settings.local_root)
    found = subprocess.run(["pgrep", "-f", place], capture_output=True, text=True, check=False)
    return sorted(map(int, found.stdout.split()), reverse=True)


@pytest.mark.parametrize("victim", [0, -1], ids=["one that trains", "the stage"])
def test_all_processes_end_if_one_dies(
    make_project_run: MakeRun, tmp_path: Path, victim: int
) -> None:
    settings = {"epochs": 10_000, "patience": 10_000, "model": ROWS, "processes": 2}
    settings |= {"checkpoint_seconds": 0, "timeout_seconds": 20}
    rows, store = make_rows(tmp_path), str(tmp_path / "store")
    run = make_project_run("1", ingest=rows, train=settings, storage_root=store)
    process = start_training(run, prepare_inputs(run))
    wait_for_checkpoint(run, process)
    assert len(find_group(run)) == 4
    os.kill(find_group(run)[victim], signal.SIGKILL)
    assert process.wait(60) != 0
    end = time.monotonic() + 60
    while find_group(run) and time.monotonic() < end:
        time.sleep(0.1)
    assert find_group(run) == []
    record = read_record(run.store, "1", "train")
    assert record is not None
    assert record.state == ("failed" if victim == 0 else "killed")
    if victim == 0:
        assert "one of the 2 training processes ended with an error" in str(record.reason)
        assert re.search(r"process [01] was killed by signal 9 \(SIGKILL\)$", str(record.reason))


def test_a_missing_device_is_an_error(make_project_run: MakeRun) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    for settings in ({"device": "cuda"}, {"device": "cuda", "processes": 2}):
        run = make_project_run(train=settings)
        with pytest.raises(PipelineError, match="ask for device 'cuda'"):
            train(run, prepare_inputs(run))


def test_settings_must_use_every_requested_gpu(make_project_run: MakeRun) -> None:
    gpus = {"train": {"gpu": 2}}
    with pytest.raises(PipelineError, match=r"set train\.device: cuda"):
        make_project_run(resources=gpus)
    with pytest.raises(PipelineError, match=r"train\.gpu is 2, but train starts 1 process"):
        make_project_run(resources=gpus, train={"device": "cuda"})
    with pytest.raises(PipelineError, match="ingest never uses one"):
        make_project_run(resources={"ingest": {"gpu": 1}})
