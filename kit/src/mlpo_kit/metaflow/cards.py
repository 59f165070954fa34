"""Metaflow's live card for a training: `make card` shows it while the training runs."""

from __future__ import annotations

from typing import Any

from metaflow.cards import Markdown, ProgressBar, VegaChart

TRAINING_CARD = "training"  # the card's id


class TrainingCard:
    """A progress bar and the loss curves, redrawn after each epoch."""

    def __init__(self, card: Any, epochs: int | None) -> None:
        """Fill an empty card; `epochs` is the maximum number of epochs, or None if unknown."""
        self._card = card
        self._epochs: list[dict[str, Any]] = []
        self._bar = ProgressBar(max=epochs, label="epoch")
        self._chart = VegaChart(self._draw_curves())
        for part in (Markdown("# Training"), self._bar, self._chart):
            card.append(part)
        card.refresh()

    def add_epoch(self, epoch: dict[str, Any]) -> None:
        """Add an epoch to the card: its number and its metrics, such as `train_loss`."""
        self._epochs.append(epoch)
        self._bar.update(epoch["epoch"])
        self._chart.update(self._draw_curves())
        self._card.refresh()

    def _draw_curves(self) -> dict[str, Any]:
        """Draw training and validation loss per epoch as a Vega-Lite chart."""
        return {
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "data": {"values": self._epochs},
            "width": 600,
            "height": 240,
            "transform": [{"fold": ["train_loss", "val_loss"], "as": ["split", "loss"]}],
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": {"field": "epoch", "type": "quantitative"},
                "y": {"field": "loss", "type": "quantitative"},
                "color": {"field": "split", "type": "nominal"},
            },
        }
