"""YOUR MODEL. Layers that map a row of numbers to one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mlpo_kit.store.arrays import load_note, pack_note
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


@dataclass(frozen=True)
class ModelSpec:
    """All that is needed to build the network again."""

    features: int
    width: int


class Regressor(nn.Module):
    """Raw rows in, one number out."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("mean", torch.zeros(1, spec.features))
        self.register_buffer("std", torch.ones(1, spec.features))
        self.body = nn.Sequential(
            nn.Linear(spec.features, spec.width), nn.ReLU(), nn.Linear(spec.width, 1)
        )

    def normalize_by(self, mean: Sequence[float], std: Sequence[float]) -> Regressor:
        """Take these moments for the normalisation; returns itself."""
        self.mean.copy_(torch.tensor(mean).reshape(self.mean.shape))
        self.std.copy_(torch.tensor(std).reshape(self.std.shape))
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Values [n] of raw rows [n, features]."""
        values: Tensor = self.body((x.float() - self.mean) / self.std).squeeze(1)
        return values


class ValuePredictor:
    """Answers each row with a value."""

    def __init__(self, model: Regressor) -> None:
        self._model = model

    def describe(self) -> dict[str, Any]:
        """How many numbers a row has."""
        return asdict(self._model.spec)

    @torch.inference_mode()
    def predict(self, rows: list[Any]) -> dict[str, list[Any]]:
        """The value of each row; raises ValueError for what is no row of the model's."""
        try:
            x = torch.tensor(rows, dtype=torch.float32)
        except (ValueError, TypeError):
            raise ValueError("rows must be numbers, all rows of one length") from None
        if x.shape[1:] != (self._model.spec.features,):
            raise ValueError(f"a row must have {self._model.spec.features} numbers")
        return {"values": self._model(x).tolist()}


def save(model: Regressor, path: Path) -> None:
    """Write weights and specification to one file."""
    save_file(model.state_dict(), path, metadata=pack_note(asdict(model.spec)))


def load(path: Path) -> Regressor:
    """Read what `save` wrote, ready to predict."""
    model = Regressor(ModelSpec(**load_note(path)))
    model.load_state_dict(load_file(path))
    return model.eval()


def load_predictor(path: Path) -> ValuePredictor:
    """Open a model for the server."""
    return ValuePredictor(load(path))
