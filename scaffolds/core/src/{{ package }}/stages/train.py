"""Train the model and keep the weights of its best epoch."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from torch import Tensor

from ..kit import device, torchrun
from ..kit.arrays import load_note, map_arrays
from ..kit.batches import Batches, shuffled
from ..kit.checkpoint import Checkpoints
from ..kit.errors import PipelineError
from ..kit.group import Group
from ..kit.meter import metered
from ..kit.store import Ref, write_text
from ..kit.workspace import Workspace
from ..learner import Learner
from ..model import ModelSpec, save
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
    learning_rate: float  # of its first step
    seconds: float
    samples_per_second: float  # while it trained


@dataclass
class Progress:
    """How far a training is, and what it came to so far."""

    epoch: int = 1
    step: int = 0  # of this epoch, that were done
    rate: float = 0.0
    best: float = math.inf
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def note(self, epoch: Epoch) -> bool:
        """Go on to the next epoch; returns whether this one was the best so far."""
        self.history.append(asdict(epoch))
        self.epoch, self.step = epoch.epoch + 1, 0
        if epoch.val_loss >= self.best:
            return False
        self.best, self.best_epoch = epoch.val_loss, epoch.epoch
        return True

    def is_over(self, settings: TrainSettings) -> bool:
        """Whether all epochs are done, or enough of them brought nothing."""
        return self.epoch > settings.epochs or self._stalled() >= settings.patience

    def _stalled(self) -> int:
        return self.epoch - 1 - self.best_epoch


def train(
    settings: TrainSettings,
    work: Workspace,
    splits: Ref,
    on_epoch: Callable[[Epoch], None] | None = None,
    launch: torchrun.Launch = torchrun.launch,
) -> Trained:
    """Fit the model; the same settings, data and machine give the same weights.

    A training that was killed goes on from its last checkpoint, to the same weights. `on_epoch` is
    told of each epoch as it ends; `launch` starts the processes, where there are several. Raises
    PipelineError when the loss diverges, or the device that was asked for is not there.
    """
    if settings.processes * settings.nodes == 1:
        trained = fit(settings, work, splits, Group(device.choose(settings.device)), on_epoch)
    else:
        trained = launch(work, splits, lambda epoch: on_epoch and on_epoch(Epoch(**epoch)))
    if trained is None:
        raise RuntimeError("the leading process of a training says what came of it")
    return trained


def fit(
    settings: TrainSettings,
    work: Workspace,
    splits: Ref,
    group: Group,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Trained | None:
    """Train as one process of a group; the leading one writes, and says what came of it."""
    device.prepare(group.device, settings.threads)
    path = work.open(splits)
    note, arrays = load_note(path), map_arrays(path)
    where, threads = settings.data, settings.loader_threads
    rows = Batches(arrays["train_x"], arrays["train_y"], group.device, where, threads)
    val = Batches(arrays["val_x"], arrays["val_y"], group.device, where, threads)
    shape = tuple(arrays["train_x"].shape[1:])
    spec = ModelSpec(shape, tuple(note["classes"]), **asdict(settings.model))
    steps = len(order_of(settings, len(rows), 0, group.size)) * settings.epochs
    learner, at = Learner(spec, note, settings, steps, group), Progress()
    checkpoints = Checkpoints(work, settings.checkpoint_seconds)
    if state := checkpoints.newest(group.device):
        at = Progress(**state["progress"])
        learner.load(state["learner"])
        state.clear()  # it would stay on the device
        log.info("going on after epoch %d, step %d", at.epoch - 1, at.step)
    kind = str(learner.dtype).removeprefix("torch.")
    log.info("training on %s in %s, rows: %s", device.describe(group.device), kind, rows.where)

    with metered(group.device, settings.threads, group.size) as usage_after:
        while not at.is_over(settings):
            epoch = run_epoch(learner, at, rows, val, checkpoints)
            if at.note(epoch):
                learner.remember()
            log.info(
                "epoch %d/%d: train loss %.4f, val loss %.4f, val accuracy %.4f",
                *(epoch.epoch, settings.epochs),
                *(epoch.train_loss, epoch.val_loss, epoch.val_accuracy),
            )
            if on_epoch and group.leads:
                on_epoch(epoch)
            keep(checkpoints, learner, at)
        usage = usage_after(rows.waited + val.waited)
    if at.epoch <= settings.epochs:
        log.info("no better validation loss in %d epochs: done", settings.patience)

    if not group.leads:
        return None

    save(learner.recall(), work.path("model.safetensors"))
    lines = [json.dumps(epoch) for epoch in at.history]
    write_text(work.path("history.jsonl"), "\n".join(lines) + "\n")
    best = at.history[at.best_epoch - 1]
    return Trained(
        model=work.ref("model.safetensors"),
        history=work.ref("history.jsonl"),
        best_epoch=at.best_epoch,
        val_loss=best["val_loss"],
        val_accuracy=best["val_accuracy"],
        parameters=sum(parameter.numel() for parameter in learner.model.parameters()),
        samples_per_second=median(epoch["samples_per_second"] for epoch in at.history),
        device=usage.device,
        precision=kind,
        data=rows.where,
        usage=usage,
    )


def run_epoch(
    learner: Learner, at: Progress, rows: Batches, val: Batches, checkpoints: Checkpoints
) -> Epoch:
    """One pass over the rows, or what is left of it, and a look at the validation split."""
    settings, group = learner.settings, learner.group
    began = time.perf_counter()
    if at.step == 0:
        at.rate = learner.rate
    order = order_of(settings, len(rows), at.epoch, group.size)[at.step :]
    for x, y in rows.take([group.own(batch) for batch in order]):
        learner.step(x, y, seed=(settings.seed, at.epoch, at.step, group.rank))
        at.step += 1
        keep(checkpoints, learner, at)
    train_loss = learner.take_loss()
    trained = time.perf_counter() - began
    val_loss, accuracy = learner.measure(val)
    if not math.isfinite(train_loss + val_loss):
        raise PipelineError(
            f"the loss is no longer a number after epoch {at.epoch}: lower train.learning_rate "
            f"({settings.learning_rate:g}) or train.clip_norm ({settings.clip_norm:g})"
        )
    return Epoch(
        epoch=at.epoch,
        train_loss=train_loss,
        val_loss=val_loss,
        val_accuracy=accuracy,
        learning_rate=at.rate,
        seconds=round(time.perf_counter() - began, 3),
        samples_per_second=round(sum(map(len, order)) / trained, 1),
    )


def order_of(settings: TrainSettings, rows: int, epoch: int, processes: int) -> list[Tensor]:
    """The batches of an epoch, as row numbers, for all processes."""
    parts = processes * settings.accumulate
    return shuffled(rows, settings.batch_size, settings.seed, epoch, parts)


def keep(checkpoints: Checkpoints, learner: Learner, at: Progress) -> None:
    """Write a checkpoint if it is time for one."""
    if checkpoints.is_due() and learner.group.leads:
        state = {"learner": learner.state(), "progress": asdict(at)}
        checkpoints.save(state, f"{at.epoch}-{at.step}")
