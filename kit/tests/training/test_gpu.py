"""Training on a real GPU. Needs torch, but no network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from scaffold import Inputs, MakeRun, prepare_inputs
from torch import nn

from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store import arrays
from mlpo_kit.testing.synthetic import pictures
from mlpo_kit.training.batches import Batches
from mlpo_kit.training.checkpoints import Checkpoints
from mlpo_kit.training.group import Group
from mlpo_kit.training.learner import Learner
from mlpo_kit.training.splits import Split

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

GPU = torch.device("cuda", 0)
# Kernels of a GPU add up in an order of their own: losses of two trainings differ by less.
TOLERANCE = 0.05


def make_gpu_run(make_project_run: MakeRun, run_id: str = "1", **train: Any) -> Run:
    return make_project_run(run_id, train={"device": "cuda", **train}, evaluate={"device": "cuda"})


def train(run: Run, inputs: Inputs) -> Any:
    return run_stage(run, run.pipeline["train"], **inputs)


def make_learner(**settings: Any) -> Learner[Any]:
    """A ResNet-50 of the generated project, to learn synthetic pictures."""
    from pets.model import Classifier, ModelSpec
    from pets.settings import TrainSettings
    from pets.stages.train import score

    names = tuple(map(str, range(10)))
    spec = ModelSpec((3, 224, 224), names, 64, (3, 4, 6, 3), 0.0, "bottleneck", "large")
    return Learner(
        lambda: Classifier(spec).normalize_by([128.0] * 3, [64.0] * 3),
        loss=nn.CrossEntropyLoss(),
        score=score,
        settings=TrainSettings(device="cuda", **settings),
        steps=100,
        group=Group(GPU),
    )


def make_batch(rows: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = pictures(10, 4, 224)
    return torch.from_numpy(x[:rows]).to(GPU), torch.from_numpy(y[:rows]).to(GPU)


def test_a_training_reports_how_the_gpu_was_used(make_project_run: MakeRun) -> None:
    run = make_gpu_run(make_project_run, epochs=5)
    inputs = prepare_inputs(run)
    done = train(run, inputs)
    assert done.device.startswith("cuda: ")
    assert done.precision in ("bfloat16", "float16")
    assert "on the device" in done.data
    assert done.usage.gpus == 1
    assert done.usage.peak_memory > 2**20
    assert done.samples_per_second > 0
    evaluated = run_stage(run, run.pipeline["evaluate"], model=done.model, **inputs)
    assert evaluated.metrics["accuracy"] > 0.9
    assert evaluated.usage.gpus == 1


@pytest.mark.usefixtures("project")
def test_a_step_never_waits_for_the_gpu() -> None:
    learner, (x, y) = make_learner(), make_batch()
    learner.step(x, y, seed=(0,))
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for number in range(3):
            learner.step(x, y, seed=(number,))
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_resident_and_streamed_rows_are_those_of_the_split() -> None:
    x, y = pictures(4, 64, 64)
    split = Split(x, y, np.random.default_rng(0).permutation(len(x))[:100])
    order = list(torch.split(torch.randperm(len(split)), 32))
    for where in ("device", "stream"):
        for (got, labels), part in zip(Batches(split, GPU, where).take(order), order, strict=True):
            np.testing.assert_array_equal(got.cpu().numpy(), split.read_samples(part.numpy()))
            np.testing.assert_array_equal(labels.cpu().numpy(), split.targets[part.numpy()])


def test_only_the_rows_of_the_split_are_copied_to_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y = pictures(4, 256, 64)
    split = Split(x, y, np.arange(0, len(x), 4))
    monkeypatch.setattr(arrays, "PIECE", 10 * x[0].nbytes)  # and in many parts
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    rows = Batches(split, GPU, "auto")
    assert split.nbytes <= torch.cuda.memory_allocated() - before < 1.1 * split.nbytes
    assert "on the device" in rows.where


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("settings", [{"precision": "fp16"}, {"compile": True}, {"accumulate": 2}])
def test_every_mode_of_computation_learns(settings: dict[str, Any]) -> None:
    learner, (x, y) = make_learner(learning_rate=0.001, **settings), make_batch()
    learner.step(x, y, seed=(0,))
    first = last = learner.take_loss()
    for number in range(30):
        learner.step(x, y, seed=(number,))
        last = learner.take_loss()
    assert last < first


def test_a_stopped_training_resumes_to_the_same_result(
    make_project_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_gpu_run(make_project_run, "whole", epochs=6)
    inputs = prepare_inputs(run)
    whole = train(run, inputs)
    save = Checkpoints.save
    # Another patience, which changes nothing here, for another key: or `whole` would be served.
    often = {"epochs": 6, "checkpoint_seconds": 0, "patience": 7}
    stopped = make_gpu_run(make_project_run, "stopped", **often)

    def save_and_stop(self: Checkpoints, state: dict[str, Any], name: str) -> None:
        save(self, state, name)
        if name == "3-7":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Checkpoints, "save", save_and_stop)
        train(stopped, inputs)
    resumed = train(make_gpu_run(make_project_run, "again", **often), inputs)
    assert resumed.val_loss == pytest.approx(whole.val_loss, abs=TOLERANCE)
    assert len(load_file(run.store.open(resumed.model))) > 0


def test_all_gpus_give_the_result_of_one(make_project_run: MakeRun) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("there is one GPU here")
    # Without dropout, which is another on each.
    settings = {"epochs": 3, "model": {"width": 16, "blocks": [1, 1], "dropout": 0.0}}
    run = make_gpu_run(make_project_run, "one", **settings)
    inputs = prepare_inputs(run)
    together = train(make_gpu_run(make_project_run, "all", **settings, processes=2), inputs)
    assert together.usage.gpus == 2
    assert together.val_loss == pytest.approx(train(run, inputs).val_loss, abs=TOLERANCE)
