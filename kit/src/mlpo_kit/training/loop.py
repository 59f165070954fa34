"""The training loop: epochs, checkpoints, early stopping, and a summary of the training.

A killed training resumes from its last checkpoint and arrives at the same weights.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from torch import Tensor

from mlpo_kit.config.sections import TrainingSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.usage import Usage
from mlpo_kit.runs.workspace import Workspace
from mlpo_kit.store import Ref
from mlpo_kit.training.batches import Batches, shuffle_batches
from mlpo_kit.training.checkpoints import Checkpoints
from mlpo_kit.training.device import choose_device, describe_device
from mlpo_kit.training.group import Group
from mlpo_kit.training.learner import Learner
from mlpo_kit.training.meter import meter_usage
from mlpo_kit.training.processes import Inputs, Launch, launch_processes

log = logging.getLogger(__name__)

Epoch = dict[str, Any]  # its number, train_loss, val_* of the score, learning_rate, seconds, ...
OnEpoch = Callable[[Epoch], Any]


@dataclass(frozen=True)
class Fitted:
    """The summary of a training. The learner holds the weights of the best epoch."""

    history: list[Epoch]
    best: Epoch
    parameters: int
    samples_per_second: float  # median over the epochs
    device: str
    precision: str
    data: str  # where the rows were kept
    usage: Usage


@dataclass
class Progress:
    """The progress of a training."""

    epoch: int = 1
    step: int = 0  # steps done in this epoch
    rate: float = 0.0  # the learning rate at the start of this epoch
    best: float = math.inf
    best_epoch: int = 0
    history: list[Epoch] = field(default_factory=list)

    def add(self, epoch: Epoch) -> bool:
        """Record a finished epoch; returns whether it is the best so far."""
        self.history.append(epoch)
        self.epoch, self.step = epoch["epoch"] + 1, 0
        if epoch["val_loss"] >= self.best:
            return False
        self.best, self.best_epoch = epoch["val_loss"], epoch["epoch"]
        return True

    def is_over(self, settings: TrainingSettings) -> bool:
        """Whether all epochs are done, or `patience` epochs brought no improvement."""
        stalled = self.epoch - 1 - self.best_epoch
        return self.epoch > settings.epochs or stalled >= settings.patience


def run_training(
    fit: Callable[..., Any],
    settings: TrainingSettings,
    work: Workspace,
    inputs: Inputs,
    on_epoch: OnEpoch | None = None,
    launch: Launch = launch_processes,
) -> Any:
    """Run `fit(settings, work, group, on_epoch, **inputs)` here or in several processes.

    `fit` must be a module-level function, because other processes import it. It returns the stage's
    result in the leading process and None in the others. `launch` starts the processes. Raises
    PipelineError if the device in the settings is not available or a process fails.
    """
    if settings.processes * settings.nodes == 1:
        result = fit(settings, work, Group(choose_device(settings.device)), on_epoch, **inputs)
    else:

        def report_epoch(epoch: Epoch) -> None:
            if settings.nodes > 1:  # the leading process may be on another machine
                work.log_metrics(epoch)
            if on_epoch:
                on_epoch(epoch)

        result = launch(work, fit, inputs, report_epoch)
    if result is None:
        raise RuntimeError("the leading process of a training returned no result")
    return result


def count_steps(settings: TrainingSettings, rows: Batches, group: Group) -> int:
    """Count the steps of a whole training on `rows`."""
    return len(_make_order(settings, len(rows), 0, group.size)) * settings.epochs


def fit_model(
    learner: Learner[Any],
    rows: Batches,
    validation: Batches,
    work: Workspace,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """Train until all epochs are done or `patience` runs out; the learner keeps the best weights.

    Raises PipelineError if the loss becomes infinite or NaN.
    """
    settings, group, progress = learner.settings, learner.group, Progress()
    checkpoints = Checkpoints(work, settings.checkpoint_seconds)
    if state := checkpoints.newest(group.device):
        progress = Progress(**state["progress"])
        learner.load(state["learner"])
        state.clear()  # free the memory of the device
        log.info("resuming after epoch %d, step %d", progress.epoch - 1, progress.step)
        for epoch in progress.history if group.leads else ():  # another run may have trained these
            work.log_metrics(epoch)
    precision = str(learner.dtype).removeprefix("torch.")
    device = describe_device(group.device)
    log.info("training on %s in %s, rows: %s", device, precision, rows.where)

    with meter_usage(group.device, settings.threads, group.size) as measure_usage:
        while not progress.is_over(settings):
            epoch = _run_epoch(learner, progress, rows, validation, checkpoints)
            if progress.add(epoch):
                learner.remember()
            log.info(
                "epoch %d/%d: %s",
                epoch["epoch"],
                settings.epochs,
                ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in _pick(epoch)),
            )
            if group.leads:
                work.log_metrics(epoch)
                if on_epoch:
                    on_epoch(epoch)
            _save_checkpoint(checkpoints, learner, progress)
        usage = measure_usage(rows.waited + validation.waited)
    if progress.epoch <= settings.epochs:
        log.info("no better validation loss in %d epochs: stopping", settings.patience)
    return Fitted(
        history=progress.history,
        best=progress.history[progress.best_epoch - 1],
        parameters=sum(parameter.numel() for parameter in learner.model.parameters()),
        samples_per_second=median(epoch["samples_per_second"] for epoch in progress.history),
        device=usage.device,
        precision=precision,
        data=rows.where,
        usage=usage,
    )


def _run_epoch(
    learner: Learner[Any],
    progress: Progress,
    rows: Batches,
    validation: Batches,
    checkpoints: Checkpoints,
) -> Epoch:
    """Train one epoch, or the rest of it after a resume, and measure the validation split."""
    settings, group = learner.settings, learner.group
    began = time.perf_counter()
    if progress.step == 0:
        progress.rate = learner.learning_rate
    order = _make_order(settings, len(rows), progress.epoch, group.size)[progress.step :]
    for x, y in rows.take([group.own(batch) for batch in order]):
        learner.step(x, y, seed=(settings.seed, progress.epoch, progress.step, group.rank))
        progress.step += 1
        _save_checkpoint(checkpoints, learner, progress)
    train_loss = learner.take_loss()
    trained = time.perf_counter() - began
    scores = learner.measure(validation)
    if not math.isfinite(train_loss + scores["loss"]):
        raise PipelineError(
            f"the loss is no longer a number after epoch {progress.epoch}: lower "
            f"train.learning_rate ({settings.learning_rate:g}) or train.clip_norm "
            f"({settings.clip_norm:g})"
        )
    return {
        "epoch": progress.epoch,
        "train_loss": train_loss,
        **{f"val_{name}": value for name, value in scores.items()},
        "learning_rate": progress.rate,
        "seconds": round(time.perf_counter() - began, 3),
        "samples_per_second": round(sum(map(len, order)) / trained, 1),
    }


def _pick(epoch: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Pick the losses and scores of an epoch."""
    return [(name, value) for name, value in epoch.items() if name.startswith(("train_", "val_"))]


def _make_order(settings: TrainingSettings, rows: int, epoch: int, processes: int) -> list[Tensor]:
    """Make the batches of an epoch, as row numbers, for all processes."""
    parts = processes * settings.accumulate
    return shuffle_batches(rows, settings.batch_size, settings.seed, epoch, parts)


def _save_checkpoint(checkpoints: Checkpoints, learner: Learner[Any], progress: Progress) -> None:
    """Save a checkpoint if one is due."""
    if checkpoints.is_due() and learner.group.leads:
        state = {"learner": learner.state(), "progress": asdict(progress)}
        checkpoints.save(state, f"{progress.epoch}-{progress.step}")


def save_history(work: Workspace, fitted: Fitted) -> Ref:
    """Save the epochs as `history.jsonl`, one JSON document per line."""
    return work.save_text(
        "history.jsonl", "".join(json.dumps(epoch) + "\n" for epoch in fitted.history)
    )
