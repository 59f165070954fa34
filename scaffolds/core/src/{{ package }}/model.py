"""YOUR MODEL. A small residual network: convolutions for images, layers for rows of numbers.

To bring your own, change `_body`; it maps a normalised batch to one score per class.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .kit.arrays import load_note, pack_note


@dataclass(frozen=True)
class ModelSpec:
    """All that is needed to build the network again: it is saved beside the weights."""

    input_shape: tuple[int, ...]  # (channels, height, width) or (features,)
    classes: tuple[str, ...]
    width: int
    blocks: tuple[int, ...]
    dropout: float


class Classifier(nn.Module):
    """Raw samples in, one score per class out; it knows how its input is normalised."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        # One number per channel or feature, shaped to broadcast over a batch.
        shape = (1, spec.input_shape[0], *(1 for _ in spec.input_shape[1:]))
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))
        self.body = _body(spec)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [n, classes] of a batch of raw samples [n, *input_shape]."""
        scores: Tensor = self.body((x.float() - self.mean) / self.std)
        return scores


def _body(spec: ModelSpec) -> nn.Module:
    return _convolutions(spec) if len(spec.input_shape) == 3 else _layers(spec)


def _convolutions(spec: ModelSpec) -> nn.Module:
    width = spec.width
    parts: list[nn.Module] = [_conv(spec.input_shape[0], width), nn.BatchNorm2d(width), nn.ReLU()]
    for stage, blocks in enumerate(spec.blocks):
        for block in range(blocks):
            grows = stage > 0 and block == 0
            inner = width * 2 if grows else width
            parts.append(ConvBlock(width, inner, stride=2 if grows else 1))
            width = inner
    return nn.Sequential(
        *parts,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(spec.dropout),
        nn.Linear(width, len(spec.classes)),
    )


def _layers(spec: ModelSpec) -> nn.Module:
    width = spec.width * 4
    return nn.Sequential(
        nn.Linear(spec.input_shape[0], width),
        *(RowBlock(width, spec.dropout) for _ in range(sum(spec.blocks))),
        nn.LayerNorm(width),
        nn.Linear(width, len(spec.classes)),
    )


def _conv(channels: int, out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)


class ConvBlock(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            _conv(channels, out, stride),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            _conv(out, out),
            nn.BatchNorm2d(out),
        )
        same = channels == out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output [n, out, height / stride, width / stride]."""
        return torch.relu(self.path(x) + self.shortcut(x))


class RowBlock(nn.Module):
    """A pre-normalised layer beside a shortcut."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The block's output, shaped as its input [n, width]."""
        return x + torch.as_tensor(self.path(x))


def save(model: Classifier, path: Path) -> None:
    """Write weights and specification to one safetensors file; same weights, same bytes."""
    weights = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()
    }
    save_file(weights, path, metadata=pack_note(asdict(model.spec)))


def load(path: Path, device: str | torch.device = "cpu") -> Classifier:
    """Read what `save` wrote, ready to predict."""
    note = load_note(path)
    lists = {name: tuple(note[name]) for name in ("input_shape", "classes", "blocks")}
    model = Classifier(ModelSpec(**{**note, **lists}))
    model.load_state_dict(load_file(path))
    return model.to(device).eval()
