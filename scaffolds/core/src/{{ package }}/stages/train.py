"""Train the model and keep the weights of its best epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from mlpo_kit import Ref, Workspace
from mlpo_kit.training.batches import Batches
from mlpo_kit.training.device import prepare_device
from mlpo_kit.training.group import Group
from mlpo_kit.training.learner import Learner
from mlpo_kit.training.loop import count_steps, fit_model, run_training, save_history
from mlpo_kit.training.processes import Launch, launch_processes
from mlpo_kit.training.splits import open_splits
from torch import Tensor, nn

from ..model import Classifier, ModelSpec, save
from ..settings import TrainSettings
from . import Trained

OnEpoch = Callable[[dict[str, Any]], Any]


def train(
    settings: TrainSettings,
    work: Workspace,
    dataset: Ref,
    splits: Ref,
    on_epoch: OnEpoch | None = None,
    launch: Launch = launch_processes,
) -> Trained:
    """Fit the model; the same settings, data and machine give the same weights.

    `on_epoch` is called after each epoch; `launch` starts the processes if there are several.
    Raises PipelineError if the loss diverges or the device is missing.
    """
    inputs = {"dataset": dataset, "splits": splits}
    trained: Trained = run_training(fit, settings, work, inputs, on_epoch, launch)
    return trained


def fit(
    settings: TrainSettings,
    work: Workspace,
    group: Group,
    on_epoch: OnEpoch | None,
    dataset: Ref,
    splits: Ref,
) -> Trained | None:
    """Train as one process of a group. The leading process writes and returns the result."""
    prepare_device(group.device, settings.threads)
    opened, note = open_splits(work.open(dataset), work.open(splits))
    where = (group.device, settings.data, settings.loader_threads)
    rows, validation = Batches(opened["train"], *where), Batches(opened["val"], *where)
    spec = ModelSpec(opened["train"].shape, tuple(note["classes"]), **asdict(settings.model))
    learner = Learner(
        lambda: Classifier(spec).normalize_by(note["mean"], note["std"]),
        loss=nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing),
        score=score,
        settings=settings,
        steps=count_steps(settings, rows, group),
        group=group,
    )
    fitted = fit_model(learner, rows, validation, work, on_epoch)
    if not group.leads:
        return None
    save(learner.recall(), work.path("model.safetensors"))
    return Trained(
        model=work.ref("model.safetensors"),
        history=save_history(work, fitted),
        best_epoch=fitted.best["epoch"],
        val_loss=fitted.best["val_loss"],
        val_accuracy=fitted.best["val_accuracy"],
        parameters=fitted.parameters,
        samples_per_second=fitted.samples_per_second,
        device=fitted.device,
        precision=fitted.precision,
        data=fitted.data,
        usage=fitted.usage,
    )


def score(outputs: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Sum the measures over validation rows. The epoch with the lowest `loss` is the best."""
    return {
        "loss": nn.functional.cross_entropy(outputs, y, reduction="sum"),
        "accuracy": (outputs.argmax(1) == y).sum(),
    }
