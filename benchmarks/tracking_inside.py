"""What tracking.py measures; runs with the Python of a generated project."""

from __future__ import annotations

import os
import statistics
import sys
import time
from dataclasses import replace
from typing import Any

from mlpo_kit import Run, Workspace
from mlpo_kit.config import load_settings
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.execution.tracking import VARIABLE, finish_tracking
from mlpo_kit.runs.progress import append_epoch
from mlpo_kit.runs.records import read_record, write_record

EPOCHS = 100
CHANGES = ("train.epochs=12", "train.patience=12", "train.device=cpu")


def measure_training(rounds: int) -> None:
    """Print the time per step with and without tracking."""
    seconds: dict[str, list[float]] = {"off": [], "on": []}
    settings = load_settings(changes=CHANGES)
    run_pipeline(Run("warm-up", "none", settings), last="validate")
    for number in range(rounds):
        for name in seconds if number % 2 else reversed(seconds):
            os.environ[VARIABLE] = name
            run = Run(
                f"{name}-{number}",
                "none",
                load_settings(changes=[*CHANGES, f"train.seed={number}"]),
                use_cache=False,
            )
            trained = run_pipeline(run, last="train")["train"]
            seconds[name].append(settings.train.batch_size / trained.samples_per_second)
            finish_tracking(run.settings, run.id)
    off, on = (statistics.median(seconds[name]) for name in ("off", "on"))
    print(f"  a step: {off * 1e3:.3f} ms, tracked {on * 1e3:.3f} ms, ratio {on / off:.3f}")
    epoch = {"epoch": 1, "train_loss": 0.1, "val_loss": 0.1, "val_accuracy": 0.9, "seconds": 1.0}
    work, began = Workspace(run, "train"), time.perf_counter()
    for _ in range(1000):
        work.log_metrics(epoch)
    call = (time.perf_counter() - began) / 1000
    print(f"  one log_metrics per epoch {call * 1e6:6.0f} us, {call / off:.2%} of one step")


def measure_sending(place: str) -> None:
    """Print what sending a run and its epochs takes."""
    os.environ[VARIABLE] = "off"
    began = time.perf_counter()
    from mlpo_kit.models.sending import send_run

    imported = time.perf_counter() - began
    settings = load_settings(changes=CHANGES)
    run_id = place.replace(" ", "-")
    run = Run(run_id, "none", settings)
    run_pipeline(run, last="validate")
    record = read_record(run.store, run_id, "validate")
    assert record is not None
    write_record(run.store, replace(record, stage="train", ended=None, state="running"))
    with run.store.stage_lock(run_id, "train"):
        opened = _time(lambda: send_run(settings, run_id))
        epochs = []
        for number in range(1, EPOCHS + 1):
            loss = 1 / number
            append_epoch(
                run.store,
                run_id,
                "train",
                {
                    "epoch": number,
                    "train_loss": loss,
                    "val_loss": loss,
                    "val_accuracy": 1 - loss,
                    "learning_rate": 0.003,
                    "seconds": 0.1,
                    "samples_per_second": 1e4,
                },
            )
            epochs.append(_time(lambda: send_run(settings, run_id)))
    closed = _time(lambda: send_run(settings, run_id, lambda: "<p>the page</p>"))
    print(
        f"  {place:<14} import {imported:5.2f} s   open {opened * 1e3:6.0f} ms   "
        f"an epoch {statistics.median(epochs) * 1e3:5.1f} ms   close {closed * 1e3:6.0f} ms"
    )


def _time(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    if sys.argv[2] == "train":
        measure_training(int(sys.argv[1]))
    else:
        measure_sending(sys.argv[2])
