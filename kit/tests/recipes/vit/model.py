"""YOUR MODEL. A small vision transformer: Dosovitskiy et al. 2020, arXiv 2010.11929."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from mlpo_kit.models.predictor import ClassPredictor
from mlpo_kit.store.arrays import load_note, pack_note
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


@dataclass(frozen=True)
class ModelSpec:
    """All that is needed to build the network again: it is saved beside the weights."""

    input_shape: tuple[int, ...]  # (channels, height, width)
    classes: tuple[str, ...]
    patch: int
    depth: int
    heads: int


class Classifier(nn.Module):
    """Raw pixels in, one score per class out; it knows how its input is normalised."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        channels, height, width = spec.input_shape
        size = spec.heads * 8
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("std", torch.ones(1, channels, 1, 1))
        self.patches = nn.Conv2d(channels, size, spec.patch, stride=spec.patch)
        count = (height // spec.patch) * (width // spec.patch)
        self.places = nn.Parameter(torch.randn(1, count, size) * 0.02)
        layer = nn.TransformerEncoderLayer(size, spec.heads, size * 2, 0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, spec.depth, enable_nested_tensor=False)
        self.head = nn.Linear(size, len(spec.classes))

    def normalize_by(self, mean: list[float], std: list[float]) -> Classifier:
        """Take these moments, per channel, for the normalisation; returns itself."""
        self.mean.copy_(torch.tensor(mean).reshape(self.mean.shape))
        self.std.copy_(torch.tensor(std).reshape(self.std.shape))
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Scores [n, classes] of a batch of raw pixels [n, *input_shape]."""
        patches = self.patches((x.float() - self.mean) / self.std).flatten(2).transpose(1, 2)
        scores: Tensor = self.head(self.encoder(patches + self.places).mean(1))
        return scores


def save(model: Classifier, path: Path) -> None:
    """Write weights and specification to one safetensors file; same weights, same bytes."""
    weights = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()
    }
    save_file(weights, path, metadata=pack_note(asdict(model.spec)))


def load(path: Path, device: str | torch.device = "cpu") -> Classifier:
    """Read what `save` wrote, ready to predict."""
    note = load_note(path)
    lists = {name: tuple(note[name]) for name in ("input_shape", "classes")}
    model = Classifier(ModelSpec(**{**note, **lists}))
    model.load_state_dict(load_file(path))
    return model.to(device).eval()


def load_predictor(path: Path) -> ClassPredictor:
    """Open a model for the server."""
    model = load(path)

    @torch.inference_mode()
    def classify(x: np.ndarray) -> np.ndarray:
        return np.asarray(model(torch.from_numpy(x)).softmax(1).numpy())

    return ClassPredictor(classify, model.spec.classes, model.spec.input_shape)
