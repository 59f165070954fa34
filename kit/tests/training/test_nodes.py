"""Training on several machines, simulated by processes that share only the store."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from scaffold import Inputs, MakeRun, prepare_inputs

from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.records import read_record
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.training.nodes import find_free_port, follow_lead, lead_nodes
from mlpo_kit.training.processes import Launch, Node, launch_processes

pytestmark = pytest.mark.slow

FIRST, SECOND = Node(2, 0), Node(2, 1)
Prepare = Callable[..., tuple[Run, Inputs]]

FAILING = """
import torch


def fit(settings, work, group, on_epoch, dataset, splits):
    group.total(torch.ones(1))
    if group.rank == 3:
        raise ValueError("process 3 has no more rows")
    group.total(torch.ones(1))
"""


@pytest.fixture
def prepare(make_project_run: MakeRun, tmp_path: Path) -> Prepare:
    """Make runs of a small network that normalises no batch, and what it takes."""
    random = np.random.default_rng(0)
    y = np.arange(512) % 4
    np.savez(tmp_path / "rows.npz", x=random.normal(size=(512, 8)) + y[:, None] * 0.5, y=y)
    source = {"source": "table", "path": str(tmp_path / "rows.npz")}
    small = {"epochs": 2, "batch_size": 32, "model": {"width": 16, "blocks": [1], "dropout": 0.0}}

    def make(run_id: str = "1", **train: Any) -> tuple[Run, Inputs]:
        run = make_project_run(run_id, ingest=source, train={**small, **train})
        return run, prepare_inputs(run)

    return make


def train(run: Run, inputs: Inputs, launch: Launch = launch_processes) -> Any:
    return run_stage(run, run.pipeline["train"], **inputs, launch=launch)


def train_on_both(run: Run, inputs: Inputs) -> Any:
    """Train on two machines; returns the result of the first."""
    with ThreadPoolExecutor() as pool:
        second = pool.submit(follow_lead, run, inputs, SECOND)
        trained = train(run, inputs, lead_nodes(FIRST))
        second.result(60)
    return trained


def test_two_machines_give_the_model_of_one(prepare: Prepare) -> None:
    one, inputs = prepare("1")
    alone = train(one, inputs)
    two, _ = prepare("2", nodes=2)
    together = train_on_both(two, inputs)
    assert together.val_loss == pytest.approx(alone.val_loss, abs=1e-4)
    weights, expected = (load_file(two.store.open(t.model)) for t in (together, alone))
    for name, value in expected.items():
        np.testing.assert_allclose(weights[name], value, atol=2e-4, err_msg=name)

    # Another run of the same: machine 0 is served, and the other need not wait.
    again, _ = prepare("3", nodes=2)
    assert train_on_both(again, inputs) == together
    record = read_record(again.store, "3", "train")
    assert record is not None
    assert record.cache == "hit"


def test_a_missing_machine_ends_the_training(prepare: Prepare) -> None:
    run, inputs = prepare(nodes=2, timeout_seconds=1)
    with pytest.raises(PipelineError, match="machine 0 did not start within 1 seconds"):
        follow_lead(run, inputs, SECOND)
    with pytest.raises(PipelineError, match="machine 1 did not join within 1 seconds"):
        train(run, inputs, lead_nodes(FIRST))
    record = read_record(run.store, "1", "train")
    assert record is not None
    assert record.state == "failed"


def test_a_machine_that_is_lost_during_the_training_ends_it(prepare: Prepare) -> None:
    """The machine is lost after it has joined; torchrun then stops waiting for it."""
    run, inputs = prepare(nodes=2, timeout_seconds=2)
    from pets.stages.train import fit

    work, node = Workspace(run, "train", "key"), replace(FIRST, port=find_free_port())
    with pytest.raises(PipelineError, match="one of the 2 training processes ended"):
        launch_processes(work, fit, inputs, node=node)


def test_the_error_says_what_stopped_the_training(prepare: Prepare) -> None:
    run, inputs = prepare(processes=2, learning_rate=1e30)
    with pytest.raises(PipelineError, match="the loss is no longer a number after epoch 1"):
        train(run, inputs)


def test_the_first_error_is_reported_from_any_machine(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other processes fail at the same time, with errors about the lost connection."""
    (tmp_path / "failing.py").write_text(FAILING)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    monkeypatch.syspath_prepend(str(tmp_path))
    fit = import_module("failing").fit
    run, inputs = prepare(nodes=2, processes=2)
    work, port = Workspace(run, "train", "key"), find_free_port()
    with ThreadPoolExecutor() as pool:
        tries = [
            pool.submit(launch_processes, work, fit, inputs, node=Node(2, n, port=port))
            for n in range(2)
        ]
    for number in range(2):
        with pytest.raises(PipelineError, match="process 3 has no more rows"):
            tries[number].result()


def test_one_machine_does_not_train_for_several(prepare: Prepare) -> None:
    run, inputs = prepare(nodes=2)
    with pytest.raises(PipelineError, match=r"train\.nodes is 2, but this training was started on"):
        train(run, inputs)
    with pytest.raises(PipelineError, match=r"processes x nodes x accumulate \(3\)"):
        prepare(nodes=3)
