"""Fit the model, in a loop of its own: one fit per regularisation, and the best of them stays."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import torch
from mlpo_kit import Ref, Workspace
from mlpo_kit.training.meter import meter_usage
from mlpo_kit.training.splits import open_splits
from sklearn.metrics import log_loss

from ..model import make_estimator, save, take_weights
from ..settings import TrainSettings
from . import Trained


def train(
    settings: TrainSettings,
    work: Workspace,
    dataset: Ref,
    splits: Ref,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
) -> Trained:
    """Fit one model for each of `strengths`; the one with the lowest validation loss stays."""
    opened, note = open_splits(work.open(dataset), work.open(splits))
    rows, validation, classes = opened["train"], opened["val"], tuple(note["classes"])
    x, y = rows.read_samples().reshape(len(rows), -1), rows.targets
    val_x, val_y = validation.read_samples(), validation.targets
    history, models = [], []
    with meter_usage(torch.device("cpu"), settings.threads) as usage_after:
        for number, strength in enumerate(settings.strengths, 1):
            began = time.perf_counter()
            estimator = make_estimator(strength, settings.iterations).fit(x, y)
            model = take_weights(estimator, classes, rows.shape)
            shares = model.classify(val_x).astype(float)
            shares /= shares.sum(1, keepdims=True)
            epoch = {
                "epoch": number,
                "val_loss": float(log_loss(val_y, shares, labels=range(len(classes)))),
                "val_accuracy": float((shares.argmax(1) == val_y).mean()),
                "samples_per_second": len(x) / (time.perf_counter() - began),
            }
            history.append(epoch)
            models.append(model)
            if on_epoch:
                on_epoch(epoch)
        usage = usage_after(0.0)
    best = min(range(len(history)), key=lambda number: history[number]["val_loss"])
    save(models[best], work.path("model.safetensors"))
    return Trained(
        model=work.ref("model.safetensors"),
        history=work.save_text("history.jsonl", "".join(json.dumps(e) + "\n" for e in history)),
        best_epoch=best + 1,
        val_loss=history[best]["val_loss"],
        val_accuracy=history[best]["val_accuracy"],
        parameters=models[best].weights.size + models[best].bias.size,
        samples_per_second=history[best]["samples_per_second"],
        device=usage.device,
        precision="float64",
        data="in memory",
        usage=usage,
    )
