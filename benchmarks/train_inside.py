"""The loops that train.py compares; runs with the Python of a generated project."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mlpo_kit import Ref, Run, Workspace, find_project
from mlpo_kit.config import load_settings
from mlpo_kit.store.arrays import save_arrays
from mlpo_kit.testing.synthetic import pictures
from mlpo_kit.training.device import choose_device, prepare_device
from mlpo_kit.training.group import Group
from mlpo_kit.training.learner import Learner
from mlpo_kit.training.splits import open_splits, save_splits

PROJECT = find_project()
data, model, train_stage = (
    PROJECT.import_module(name) for name in ("data", "model", "stages.train")
)
RESNET = {"width": 64, "blocks": [3, 4, 6, 3], "block": "bottleneck", "stem": "large"}


def job_of(name: str, on_gpu: bool) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """The rows of a job and its train settings; a CPU gets a smaller share of the larger job."""
    if name == "default":
        digits = data.load_digits(load_settings().ingest)
        return digits.x, digits.y, {"epochs": 20 if on_gpu else 4}
    batches, size = (12, 256) if on_gpu else (3, 16)
    x, y = pictures(10, batches * size // 10 + 1, 224)
    train = {"epochs": 4 if on_gpu else 2, "batch_size": size, "model": RESNET}
    return x, y, {**train, "threads": 8 if on_gpu else 2}


def ceiling(learner: Learner[Any], x: torch.Tensor, y: torch.Tensor, steps: int) -> float:
    """Samples/s where nothing but the step is done, after it has run once."""
    for warm_up in range(2):
        learner.step(x, y, seed=(warm_up,))
    learner.take_loss()  # waits for the device
    began = time.perf_counter()
    for number in range(steps):
        learner.step(x, y, seed=(number,))
    learner.take_loss()
    return steps * len(y) / (time.perf_counter() - began)


def plain(
    network: nn.Module, x: np.ndarray, y: np.ndarray, train: Any, device: torch.device
) -> float:
    """Samples/s of the loop that most tutorials show; the first epoch warms up."""
    torch.manual_seed(0)
    torch.set_num_threads(train.threads)
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = False
    torch.set_float32_matmul_precision("highest")
    network.to(device)
    rows = TensorDataset(torch.tensor(x).float(), torch.tensor(y))
    loader = DataLoader(rows, batch_size=train.batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(network.parameters(), train.learning_rate)
    loss_of = nn.CrossEntropyLoss()
    speeds = []
    for _ in range(train.epochs):
        began, running = time.perf_counter(), 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = loss_of(network(inputs.to(device)), labels.to(device))
            loss.backward()
            optimizer.step()
            running += loss.item()
        speeds.append(len(y) / (time.perf_counter() - began))
    return statistics.median(speeds[1:])


def main(job: str, wanted: str, rounds: int) -> None:
    """Alternate the three and print the medians."""
    device = choose_device(wanted)
    x, y, train = job_of(job, device.type == "cuda")
    train = {**train, "device": device.type, "patience": 1000}
    changes = [f"train.{name}={json.dumps(value)}" for name, value in train.items()]
    speeds: dict[str, list[float]] = {"plain": [], "ceiling": [], "stage": [], "whole": []}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            config = load_settings("local", [*changes, f"storage_root={folder}"])
            work = Workspace(Run(str(number), "none", config), "train")
            inputs = split(work, x, y)
            opened, note = open_splits(*map(work.open, inputs))
            shape, classes = tuple(x.shape[1:]), tuple(note["classes"])
            spec = model.ModelSpec(shape, classes, **asdict(config.train.model))
            train_x, train_y = opened["train"].read_samples(), opened["train"].targets
            network = model.Classifier(spec)
            speeds["plain"].append(plain(network, train_x, train_y, config.train, device))
            prepare_device(device, config.train.threads)
            size = config.train.batch_size
            steps = len(train_y) // size * (config.train.epochs - 1)
            learner = learner_of(spec, note, config.train, steps + 2, device)
            batch = [torch.tensor(a[:size]).to(device) for a in (train_x, train_y)]
            speeds["ceiling"].append(ceiling(learner, *batch, steps))
            del learner, batch, network
            if device.type == "cuda":
                torch.cuda.empty_cache()
            done = train_stage.fit(config.train, work, Group(device), None, *inputs)
            speeds["stage"].append(done.samples_per_second)
            rows = len(train_y) // size * size * config.train.epochs
            speeds["whole"].append(rows / done.usage.seconds)
    middle = {name: statistics.median(values) for name, values in speeds.items()}
    words = {
        "plain": "a plain loop",
        "ceiling": "one batch again and again",
        "stage": "the train stage",
        "whole": "with validation and checkpoints",
    }
    print(f"{job}: {done.device}, {done.precision}, rows: {done.data}")
    for name, values in speeds.items():
        listed = ", ".join(f"{value:,.1f}" for value in values)
        print(f"  {words[name]:<32} {middle[name]:10,.1f} samples/s  ({listed})")
    print(f"  stage / ceiling                  {middle['stage'] / middle['ceiling']:10.2f}")
    print(f"  stage / plain loop               {middle['stage'] / middle['plain']:10.2f}")
    busy, peak = done.usage.busy_share, done.usage.peak_memory / 2**20
    print(f"  busy, peak memory                {busy} {peak:,.0f} MiB")


def learner_of(
    spec: Any, note: dict[str, Any], train: Any, steps: int, device: torch.device
) -> Learner[Any]:
    """What the train stage learns with."""
    return Learner(
        lambda: model.Classifier(spec).normalize_by(note["mean"], note["std"]),
        loss=nn.CrossEntropyLoss(label_smoothing=train.label_smoothing),
        score=train_stage.score,
        settings=train,
        steps=steps,
        group=Group(device),
    )


def split(work: Workspace, x: np.ndarray, y: np.ndarray) -> tuple[Ref, Ref]:
    """The dataset and its splits as `preprocess` leaves them, a few rows for validation."""
    few = max(2, len(y) // 10)
    rows = {"val": np.arange(few), "train": np.arange(few, len(y))}
    note = {"classes": [str(n) for n in range(10)], "mean": [128.0] * x.shape[1]}
    save_arrays(work.path("raw.safetensors"), {"x": x, "y": y}, {})
    save_splits(work.path("splits.safetensors"), rows, {**note, "std": [64.0] * x.shape[1]})
    return work.ref("raw.safetensors"), work.ref("splits.safetensors")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
