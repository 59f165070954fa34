"""Train a network batch by batch, and measure it."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from mlpo_kit.config.sections import TrainingSettings
from mlpo_kit.training.batches import Batches, mix_seeds
from mlpo_kit.training.device import check_compiler, choose_precision
from mlpo_kit.training.group import Group

VALIDATION_BATCH = 512  # largest number of rows

M = TypeVar("M", bound=nn.Module)
Loss = Callable[[Tensor, Tensor], Tensor]
Score = Callable[[Tensor, Tensor], dict[str, Tensor]]


class Learner(Generic[M]):
    """A network with its optimizer, its learning-rate schedule and its best weights so far."""

    def __init__(
        self,
        build: Callable[[], M],
        *,
        loss: Loss,
        score: Score,
        settings: TrainingSettings,
        steps: int,
        group: Group,
    ) -> None:
        """Build the network with a fixed seed, for a training of `steps` steps.

        `loss` maps the network's outputs and the labels of a batch to the mean loss. `score` maps
        those of validation rows to sums over the rows, by name: `loss`, which decides on the best
        epoch, and any other metric to record. Raises PipelineError if torch.compile is asked for
        but has no compiler.
        """
        torch.manual_seed(settings.seed)
        self.settings, self.group = settings, group
        self.model = build()
        self._loss, self._score = loss, score
        # Convolutions are faster on GPUs with channels last; 4-dimensional weights indicate them.
        has_pixels = any(parameter.dim() == 4 for parameter in self.model.parameters())
        on_gpu = group.device.type == "cuda"
        self._layout = torch.channels_last if on_gpu and has_pixels else torch.contiguous_format
        self.model.to(group.device)
        self.model.to(memory_format=self._layout)  # type: ignore[call-overload]
        self.dtype = choose_precision(settings.precision, group.device)
        self._run = group.share(self.model)
        # Context that delays the averaging of gradients until the last part of a batch.
        self._unshared: Callable[[], AbstractContextManager[object]]
        self._unshared = getattr(self._run, "no_sync", nullcontext)
        if settings.compile:
            check_compiler()
            self._run = torch.compile(self._run)  # type: ignore[assignment]
        self._optimizer = self.make_optimizer()
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer, make_warmup_cosine(steps, settings)
        )
        half = self.dtype == torch.float16  # small gradients would underflow to zero
        self._scaler = torch.amp.GradScaler(group.device.type, enabled=half)
        self._total = torch.zeros((), device=group.device)
        self._batches = 0
        self._best: dict[str, Tensor] = {}

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Make the optimizer: AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101)."""
        return torch.optim.AdamW(
            self.model.parameters(),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
            fused=self.group.device.type != "mps",
        )

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return float(self._schedule.get_last_lr()[0])

    def step(self, x: Tensor, y: Tensor, seed: tuple[int, ...]) -> None:
        """Train on one batch, without synchronizing with the device.

        All randomness depends on `seed` only, so a resumed training repeats the same steps.
        """
        torch.manual_seed(mix_seeds(*seed))
        self._optimizer.zero_grad(set_to_none=True)
        parts = self.settings.accumulate
        for number, (part, labels) in enumerate(zip(x.chunk(parts), y.chunk(parts), strict=True)):
            with nullcontext() if number == parts - 1 else self._unshared():
                with self._mixed_precision():
                    loss = self._loss(self._run(self._arrange(part)), labels)
                self._scaler.scale(loss / parts).backward()  # type: ignore[no-untyped-call]
            self._total += loss.detach() / parts
        self._scaler.unscale_(self._optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._schedule.step()
        self._batches += 1

    def take_loss(self) -> float:
        """Return the mean loss over the group and all steps since the last call."""
        loss = self.group.total(self._total).item() / self.group.size / max(self._batches, 1)
        self._total.zero_()
        self._batches = 0
        return loss

    @torch.inference_mode()
    def measure(self, rows: Batches) -> dict[str, float]:
        """Measure the network on a split: the mean over its rows of each value of `score`."""
        self.model.eval()
        sums: dict[str, Tensor] = {}
        own = self.group.own(torch.arange(len(rows)))
        # Without gradients, four times the batch of a training step fits into memory.
        limit = 4 * self.settings.batch_size // (self.group.size * self.settings.accumulate)
        size = max(1, min(VALIDATION_BATCH, limit))
        for x, y in rows.take(torch.split(own, size) if len(own) else []):
            with self._mixed_precision():
                outputs = self.model(self._arrange(x)).float()
            for name, value in self._score(outputs, y).items():
                sums[name] = sums.get(name, torch.zeros((), device=self.group.device)) + value
        self.model.train()
        total = self.group.total(torch.stack([value.float() for value in sums.values()]))
        return dict(zip(sums, (value / len(rows) for value in total.tolist()), strict=True))

    def remember(self) -> None:
        """Save the current weights as the best so far."""
        self._best = {name: value.clone() for name, value in self.model.state_dict().items()}

    def recall(self) -> M:
        """Return the network with its best weights."""
        self.model.load_state_dict(self._best)
        return self.model

    def state(self) -> dict[str, Any]:
        """Return the state from which `load` can resume."""
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
        """Resume from a state that `state` returned."""
        self.model.load_state_dict(state["model"])
        self._best = state["best"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._scaler.load_state_dict(state["scaler"])
        self._total.copy_(state["total"])
        self._batches = state["batches"]

    def _arrange(self, x: Tensor) -> Tensor:
        """Convert a batch to the memory layout that is fastest on the device."""
        is_pixels = x.dim() == 4
        return x.contiguous(memory_format=self._layout if is_pixels else torch.contiguous_format)

    def _mixed_precision(self) -> AbstractContextManager[object]:
        return torch.autocast(
            self.group.device.type, self.dtype, enabled=self.dtype != torch.float32
        )


def make_warmup_cosine(steps: int, settings: TrainingSettings) -> Callable[[int], float]:
    """Make a function from step to learning-rate factor: linear warm-up, then cosine decay."""
    warmup = max(1, round(steps * settings.warmup_share))

    def compute_factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = (step - warmup) / max(1, steps - warmup)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return compute_factor
