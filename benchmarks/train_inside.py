"""The loops that train.py compares; runs with the Python of a generated project."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from my_project import settings
from my_project.data import load_digits
from my_project.kit import device as devices
from my_project.kit.arrays import load_note, map_arrays, save_arrays
from my_project.kit.group import Group
from my_project.kit.synthetic import pictures
from my_project.kit.workspace import Run, Workspace
from my_project.learner import Learner
from my_project.model import Classifier, ModelSpec
from my_project.settings import IngestSettings, TrainSettings
from my_project.stages.train import fit
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

RESNET = {"width": 64, "blocks": [3, 4, 6, 3], "block": "bottleneck", "stem": "large"}


def job_of(name: str, on_gpu: bool) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """The rows of a job and its train settings; a CPU gets a smaller share of the larger job."""
    if name == "default":
        digits = load_digits(IngestSettings())
        return digits.x, digits.y, {"epochs": 20 if on_gpu else 4}
    batches, size = (12, 256) if on_gpu else (3, 16)
    x, y = pictures(10, batches * size // 10 + 1, 224)
    train = {"epochs": 4 if on_gpu else 2, "batch_size": size, "model": RESNET}
    return x, y, {**train, "threads": 8 if on_gpu else 2}


def ceiling(learner: Learner, x: torch.Tensor, y: torch.Tensor, steps: int) -> float:
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
    spec: ModelSpec, x: np.ndarray, y: np.ndarray, train: TrainSettings, device: torch.device
) -> float:
    """Samples/s of the loop that most tutorials show; the first epoch warms up."""
    torch.manual_seed(0)
    torch.set_num_threads(train.threads)
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = False
    torch.set_float32_matmul_precision("highest")
    model = Classifier(spec).to(device)
    rows = TensorDataset(torch.tensor(x).float(), torch.tensor(y))
    loader = DataLoader(rows, batch_size=train.batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), train.learning_rate)
    loss_of = nn.CrossEntropyLoss()
    speeds = []
    for _ in range(train.epochs):
        began, running = time.perf_counter(), 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = loss_of(model(inputs.to(device)), labels.to(device))
            loss.backward()
            optimizer.step()
            running += loss.item()
        speeds.append(len(y) / (time.perf_counter() - began))
    return statistics.median(speeds[1:])


def main(job: str, wanted: str, rounds: int) -> None:
    """Alternate the three and print the medians."""
    device = devices.choose(wanted)
    x, y, train = job_of(job, device.type == "cuda")
    train = {**train, "device": device.type, "patience": 1000}
    speeds: dict[str, list[float]] = {"plain": [], "ceiling": [], "stage": [], "whole": []}
    usage = None
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            document = settings.read("local") | {"storage_root": folder}
            document = {**document, "train": {**document["train"], **train}}
            config = settings.from_document(document)
            work = Workspace(Run(str(number), "none", config), "train")
            splits = split(work, x, y)
            arrays, note = map_arrays(work.open(splits)), load_note(work.open(splits))
            spec = ModelSpec(tuple(x.shape[1:]), ("0",) * 10, **asdict(config.train.model))
            train_x, train_y = arrays["train_x"], arrays["train_y"]
            speeds["plain"].append(plain(spec, train_x, train_y, config.train, device))
            devices.prepare(device, config.train.threads)
            size = config.train.batch_size
            steps = len(train_y) // size * (config.train.epochs - 1)
            learner = Learner(spec, note, config.train, steps + 2, Group(device))
            batch = [torch.tensor(a[:size]).to(device) for a in (train_x, train_y)]
            speeds["ceiling"].append(ceiling(learner, *batch, steps))
            del learner, batch
            if device.type == "cuda":
                torch.cuda.empty_cache()
            done = fit(config.train, work, splits, Group(device))
            assert done is not None
            speeds["stage"].append(done.samples_per_second)
            rows = len(train_y) // size * size * config.train.epochs
            speeds["whole"].append(rows / done.usage.seconds)
            usage = done
    middle = {name: statistics.median(values) for name, values in speeds.items()}
    words = {
        "plain": "a plain loop",
        "ceiling": "one batch again and again",
        "stage": "the train stage",
        "whole": "with validation and checkpoints",
    }
    assert usage is not None
    print(f"{job}: {usage.device}, {usage.precision}, rows: {usage.data}")
    for name, values in speeds.items():
        listed = ", ".join(f"{value:,.1f}" for value in values)
        print(f"  {words[name]:<32} {middle[name]:10,.1f} samples/s  ({listed})")
    print(f"  stage / ceiling                  {middle['stage'] / middle['ceiling']:10.2f}")
    print(f"  stage / plain loop               {middle['stage'] / middle['plain']:10.2f}")
    busy = usage.usage.busy_share
    print(f"  busy, peak memory                {busy} {usage.usage.peak_memory / 2**20:,.0f} MiB")


def split(work: Workspace, x: np.ndarray, y: np.ndarray) -> Any:
    """The rows as `preprocess` leaves them, a few of them for validation."""
    few = max(2, len(y) // 10)
    arrays = {"train_x": x[few:], "train_y": y[few:], "val_x": x[:few], "val_y": y[:few]}
    note = {"classes": [str(n) for n in range(10)], "mean": [128.0] * x.shape[1]}
    save_arrays(work.path("splits.safetensors"), arrays, {**note, "std": [64.0] * x.shape[1]})
    return work.ref("splits.safetensors")


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
