"""Training steps: batches in a fixed order, any precision, no waiting for the device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mlpo_kit.config import TrainingSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.store import arrays
from mlpo_kit.training.batches import Batches, shuffle_batches
from mlpo_kit.training.group import Group
from mlpo_kit.training.learner import Learner, make_warmup_cosine
from mlpo_kit.training.splits import Split

CPU = torch.device("cpu")


class Network(nn.Module):
    """A small one that has all that could go wrong: a convolution, a normalisation, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(8, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.body((x.float() - 128) / 64)
        return scores


def make_learner(rows: int = 64, **settings: Any) -> tuple[Learner[Network], Tensor, Tensor]:
    learner = Learner(
        Network,
        loss=nn.CrossEntropyLoss(),
        score=lambda outputs, y: {"loss": nn.functional.cross_entropy(outputs, y, reduction="sum")},
        settings=TrainingSettings(device="cpu", **settings),
        steps=10,
        group=Group(CPU),
    )
    x = torch.randint(0, 256, (rows, 1, 8, 8), dtype=torch.uint8)
    return learner, x, torch.arange(rows) % 2


@pytest.mark.slow
def test_a_step_never_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, x, y = make_learner()
    learner.step(x, y, seed=(0,))

    def wait(*_: Any) -> None:
        raise AssertionError("a host that looks at a value waits for the device")

    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__"):
        monkeypatch.setattr(torch.Tensor, name, wait)
    learner.step(x, y, seed=(1,))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.slow
def test_half_precision_learns_with_weights_in_float32(precision: str) -> None:
    learner, x, y = make_learner(precision=precision, learning_rate=0.01)
    x[y == 0] = 0
    for number in range(10):
        learner.step(x, y, seed=(number,))
    assert learner.take_loss() < 0.69
    assert {p.dtype for p in learner.model.parameters()} == {torch.float32}
    seen: list[torch.dtype] = []
    learner.model.body.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    learner.step(x, y, seed=(0,))
    assert seen == [torch.bfloat16 if precision == "bf16" else torch.float16]


def test_a_batch_in_parts_gives_the_same_step() -> None:
    (whole, x, y), (parts, _, _) = make_learner(), make_learner(accumulate=4)
    for learner in (whole, parts):  # a batch is normalised as it comes: let nothing depend on it
        learner.model.eval()
        learner.step(x, y, seed=(0,))
    for a, b in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_the_best_weights_survive_a_resume() -> None:
    (stopped, x, y), (resumed, _, _) = make_learner(), make_learner()
    stopped.step(x, y, seed=(0,))
    stopped.remember()
    best = {name: value.clone() for name, value in stopped.model.state_dict().items()}
    stopped.step(x, y, seed=(1,))
    resumed.load(stopped.state())
    for name, value in resumed.recall().state_dict().items():
        assert torch.equal(value, best[name]), name


def test_a_missing_compiler_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PipelineError, match="compiler, but there is neither"):
        make_learner(compile=True)


def test_batches_are_of_one_size_and_depend_on_seed_and_epoch_alone() -> None:
    batches = shuffle_batches(103, 16, seed=1, epoch=2, parts=4)
    assert [len(batch) for batch in batches] == [16] * 6
    assert len(set(torch.cat(batches).tolist())) == 96
    assert torch.equal(torch.cat(batches), torch.cat(shuffle_batches(103, 16, 1, 2, 4)))
    assert not torch.equal(torch.cat(batches), torch.cat(shuffle_batches(103, 16, 1, 3, 4)))
    assert [len(batch) for batch in shuffle_batches(10, 64, 1, 1, parts=4)] == [8]


def test_rows_come_in_the_requested_order() -> None:
    x = np.arange(200, dtype=np.uint8)[:, None]
    split = Split(x, x[:, 0].astype(np.int64), np.arange(199, 99, -1))
    order = [torch.tensor([5, 3]), *torch.split(torch.arange(90), 7)]
    for where in ("device", "stream"):
        rows = Batches(split, CPU, where)
        assert len(rows) == 100
        for (samples, targets), part in zip(rows.take(order), order, strict=True):
            assert torch.equal(targets, 199 - part)
            assert torch.equal(samples[:, 0], targets.to(torch.uint8))
        assert list(rows.take([])) == []


def test_only_the_rows_of_a_split_go_to_a_device_and_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a GPU: test_gpu.py tries it there."""
    x = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    split = Split(x, np.arange(100), np.arange(99, 0, -3))
    parts: list[int] = []
    read = Split.read_samples

    def watch(split: Split, part: slice) -> np.ndarray:
        parts.append(len(found := read(split, part)))
        return found

    monkeypatch.setattr(Split, "read_samples", watch)
    monkeypatch.setattr(arrays, "PIECE", 10 * x[0].nbytes)
    copied = Batches(split, CPU, "device")._copy_samples()
    assert torch.equal(copied, torch.from_numpy(x[split.rows]))
    assert parts == [10, 10, 10, 3]
    assert Batches(split, torch.device("meta"), "device")._x.shape == copied.shape


def test_the_learning_rate_warms_up_and_decays() -> None:
    find_factor = make_warmup_cosine(100, TrainingSettings(warmup_share=0.1))
    assert find_factor(0) == pytest.approx(0.1)
    assert find_factor(9) == find_factor(10) == 1
    assert find_factor(55) == pytest.approx(0.5)
    assert find_factor(100) == pytest.approx(0)
