"""Train the model and keep the weights of its best epoch."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from ..kit.arrays import load_arrays, load_note
from ..kit.device import choose, describe
from ..kit.errors import PipelineError
from ..kit.store import Ref, write_text
from ..kit.workspace import Workspace
from ..model import Classifier, ModelSpec, save
from ..settings import TrainSettings
from . import Trained

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training split came to."""

    epoch: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float


def train(
    settings: TrainSettings,
    work: Workspace,
    splits: Ref,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Fit the model; the same settings, data and machine give the same weights.

    `on_epoch` is told of each epoch as it ends. Raises PipelineError when the loss diverges.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    device = choose(settings.device)
    path = work.open(splits)
    note = load_note(path)
    arrays = load_arrays(path, "train_x", "train_y", "val_x", "val_y")
    data = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    x, y = data["train_x"], data["train_y"]

    spec = ModelSpec(tuple(x.shape[1:]), tuple(note["classes"]), **asdict(settings.model))
    model = Classifier(spec).to(device)
    model.mean.copy_(torch.tensor(note["mean"]).reshape(model.mean.shape))
    model.std.copy_(torch.tensor(note["std"]).reshape(model.std.shape))
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    steps = math.ceil(len(x) / settings.batch_size) * settings.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_cosine(steps, settings))
    loss_of = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)

    history: list[Epoch] = []
    best = math.inf
    for number in range(1, settings.epochs + 1):
        began = time.perf_counter()
        rate = float(schedule.get_last_lr()[0])
        total = torch.zeros((), device=device)
        model.train()
        # Shuffled on the CPU: every device then sees the same order.
        for rows in torch.split(torch.randperm(len(x)).to(device), settings.batch_size):
            loss = loss_of(model(x[rows]), y[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
            optimizer.step()
            schedule.step()
            total += loss.detach() * len(rows)
        train_loss = total.item() / len(x)
        val_loss, accuracy = measure(model, data["val_x"], data["val_y"], settings.batch_size)
        if not math.isfinite(train_loss + val_loss):
            raise PipelineError(
                f"the loss is no longer a number after epoch {number}: lower train.learning_rate "
                f"({settings.learning_rate:g}) or train.clip_norm ({settings.clip_norm:g})"
            )
        seconds = time.perf_counter() - began
        history.append(Epoch(number, train_loss, val_loss, accuracy, rate, round(seconds, 3)))
        log.info(
            "epoch %d/%d: train loss %.4f, val loss %.4f, val accuracy %.4f",
            *(number, settings.epochs, train_loss, val_loss, accuracy),
        )
        if on_epoch:
            on_epoch(history[-1])
        if val_loss < best:
            best, best_epoch = val_loss, number
            save(model, work.path("model.safetensors"))
        elif number - best_epoch >= settings.patience:
            log.info("no better validation loss in %d epochs: done", settings.patience)
            break

    lines = [json.dumps(asdict(epoch)) for epoch in history]
    write_text(work.path("history.jsonl"), "\n".join(lines) + "\n")
    return Trained(
        model=work.ref("model.safetensors"),
        history=work.ref("history.jsonl"),
        best_epoch=best_epoch,
        val_loss=history[best_epoch - 1].val_loss,
        val_accuracy=history[best_epoch - 1].val_accuracy,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        samples_per_second=round(len(x) * len(history) / sum(e.seconds for e in history), 1),
        device=describe(device),
    )


def warmup_cosine(steps: int, settings: TrainSettings) -> Callable[[int], float]:
    """The learning rate's factor at a step: up in a line, then down in half a cosine."""
    warmup = max(1, round(steps * settings.warmup_share))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(1, steps - warmup)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return factor


@torch.inference_mode()
def measure(model: Classifier, x: Tensor, y: Tensor, batch_size: int) -> tuple[float, float]:
    """Cross-entropy and accuracy of a model on a split."""
    model.eval()
    scores = torch.cat([model(batch) for batch in torch.split(x, batch_size)])
    loss = nn.functional.cross_entropy(scores, y)
    return loss.item(), (scores.argmax(1) == y).float().mean().item()
