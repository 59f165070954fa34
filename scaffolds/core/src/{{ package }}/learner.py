"""The network while it learns: one step per batch, and what it knows of how it does."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from .kit.batches import Batches, mixed
from .kit.device import check_compiler, precision
from .kit.group import Group
from .model import Classifier, ModelSpec
from .settings import TrainSettings

VAL_BATCH = 512  # rows at most


class Learner:
    """A network with its optimizer, its learning rate and its best weights so far."""

    def __init__(
        self,
        spec: ModelSpec,
        moments: dict[str, list[float]],
        settings: TrainSettings,
        steps: int,
        group: Group,
    ) -> None:
        """Make the network; `moments` are `mean` and `std` per channel or feature.

        It will learn for `steps` steps. Raises PipelineError where torch.compile lacks a compiler.
        """
        torch.manual_seed(settings.seed)
        self.settings, self.group = settings, group
        self.model = Classifier(spec)
        for name in ("mean", "std"):
            place: Tensor = getattr(self.model, name)
            place.copy_(torch.tensor(moments[name]).reshape(place.shape))
        # GPUs convolve with the channels of a pixel side by side.
        on_gpu, has_pixels = group.device.type == "cuda", len(spec.input_shape) == 3
        self._layout = torch.channels_last if on_gpu and has_pixels else torch.contiguous_format
        self.model.to(group.device)
        self.model.to(memory_format=self._layout)  # type: ignore[call-overload]
        self.dtype = precision(settings.precision, group.device)
        self._run = group.share(self.model)
        # What keeps the gradients of a batch's part from being shared before the others are there.
        self._unshared: Callable[[], AbstractContextManager[object]]
        self._unshared = getattr(self._run, "no_sync", nullcontext)
        if settings.compile:
            check_compiler()
            self._run = torch.compile(self._run)  # type: ignore[assignment]
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=group.device.type != "mps",
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer, warmup_cosine(steps, settings)
        )
        half = self.dtype == torch.float16  # whose small gradients would be zero
        self._scaler = torch.amp.GradScaler(group.device.type, enabled=half)
        self._loss_of = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
        self._total = torch.zeros((), device=group.device)
        self._batches = 0
        self._best: dict[str, Tensor] = {}

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return float(self._schedule.get_last_lr()[0])

    def step(self, x: Tensor, y: Tensor, seed: tuple[int, ...]) -> None:
        """Learn from one batch. Nothing in here waits for the device, where there is one.

        What is random in it depends on `seed` alone, so a training that was killed and goes on
        repeats itself.
        """
        torch.manual_seed(mixed(*seed))
        self._optimizer.zero_grad(set_to_none=True)
        parts = self.settings.accumulate
        for number, (part, labels) in enumerate(zip(x.chunk(parts), y.chunk(parts), strict=True)):
            with nullcontext() if number == parts - 1 else self._unshared():
                with self._mixed_precision():
                    scores = self._run(part.contiguous(memory_format=self._layout))
                    loss = self._loss_of(scores, labels)
                self._scaler.scale(loss / parts).backward()
            self._total += loss.detach() / parts
        self._scaler.unscale_(self._optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._schedule.step()
        self._batches += 1

    def take_loss(self) -> float:
        """The mean loss over the group and all steps since this was asked for last."""
        loss = self.group.total(self._total).item() / self.group.size / max(self._batches, 1)
        self._total.zero_()
        self._batches = 0
        return loss

    @torch.inference_mode()
    def measure(self, rows: Batches) -> tuple[float, float]:
        """Cross-entropy and accuracy on a split."""
        self.model.eval()
        sums = torch.zeros(2, device=self.group.device)
        own = self.group.own(torch.arange(len(rows)))
        fits = 4 * self.settings.batch_size // (self.group.size * self.settings.accumulate)
        size = max(1, min(VAL_BATCH, fits))  # there are no gradients here
        for x, y in rows.take(torch.split(own, size) if len(own) else []):
            with self._mixed_precision():
                scores = self.model(x.contiguous(memory_format=self._layout)).float()
            loss = nn.functional.cross_entropy(scores, y, reduction="sum")
            sums += torch.stack([loss, (scores.argmax(1) == y).sum()])
        self.model.train()
        loss_sum, right = self.group.total(sums).tolist()
        return loss_sum / len(rows), right / len(rows)

    def remember(self) -> None:
        """Take the weights as they are for the best so far."""
        self._best = {name: value.clone() for name, value in self.model.state_dict().items()}

    def recall(self) -> Classifier:
        """The network with its best weights."""
        self.model.load_state_dict(self._best)
        return self.model

    def state(self) -> dict[str, Any]:
        """All that `load` needs to go on from here."""
        return {
            "model": self.model.state_dict(),
            "best": self._best,
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "scaler": self._scaler.state_dict(),
            "total": self._total,
            "batches": self._batches,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.model.load_state_dict(state["model"])
        self._best = state["best"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._scaler.load_state_dict(state["scaler"])
        self._total.copy_(state["total"])
        self._batches = state["batches"]

    def _mixed_precision(self) -> AbstractContextManager[object]:
        return torch.autocast(
            self.group.device.type, self.dtype, enabled=self.dtype != torch.float32
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
