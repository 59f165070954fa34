"""Find a factor: the better the nearer the learning rate is to 0.003."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from mlpo_kit import Ref, Usage, Workspace

from ..settings import TrainSettings
from . import Trained


def train(
    settings: TrainSettings,
    work: Workspace,
    dataset: Ref,
    splits: Ref,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    launch: Callable[..., Any] | None = None,
) -> Trained:
    """Train here, or in as many processes as the settings say."""
    if settings.processes * settings.nodes == 1:
        return fit(settings, work, None, on_epoch, dataset, splits)
    from mlpo_kit.training.loop import run_training
    from mlpo_kit.training.processes import launch_processes

    inputs = {"dataset": dataset, "splits": splits}
    return run_training(fit, settings, work, inputs, on_epoch, launch or launch_processes)


def fit(
    settings: TrainSettings,
    work: Workspace,
    group: Any,
    on_epoch: Callable[[dict[str, Any]], Any] | None,
    dataset: Ref,
    splits: Ref,
) -> Trained | None:
    """Train as one process of a group."""
    if settings.fail:
        raise RuntimeError("the training has a defect")
    numbers = work.read_json(dataset)
    rows = len([numbers[row] for row in work.read_json(splits)["train"]])
    history = []
    for number in range(1, settings.epochs + 1):
        time.sleep(settings.sleep_seconds)
        loss = abs(settings.learning_rate - 0.003) * 10 + 0.1 / number
        epoch = {"epoch": number, "train_loss": loss, "val_loss": loss, "val_accuracy": 1 - loss}
        history.append(epoch)
        if group is None or group.leads:
            work.log_metrics(epoch)
            if on_epoch:
                on_epoch(epoch)
    if group is not None and not group.leads:
        return None
    best = history[-1]
    return Trained(
        model=work.save_json("model.json", {"factor": best["val_accuracy"], "rows": rows}),
        history=work.save_text("history.jsonl", "".join(json.dumps(e) + "\n" for e in history)),
        best_epoch=len(history),
        val_loss=best["val_loss"],
        val_accuracy=best["val_accuracy"],
        samples_per_second=1.0,
        device="cpu",
        usage=Usage("cpu", 0, 0.0, None, 0.0, 0),
    )
