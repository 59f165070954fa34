"""YOUR MODEL. A small residual network: convolutions for images, layers for rows of numbers.

To bring your own, change `_body`; it maps a normalised batch to one score per class.
"""

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

    input_shape: tuple[int, ...]  # (channels, height, width) or (features,)
    classes: tuple[str, ...]
    width: int
    blocks: tuple[int, ...]
    dropout: float
    block: str = "basic"
    stem: str = "small"


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

    def normalize_by(self, mean: list[float], std: list[float]) -> Classifier:
        """Take these moments, per channel or feature, for the normalisation; returns itself."""
        self.mean.copy_(torch.tensor(mean).reshape(self.mean.shape))
        self.std.copy_(torch.tensor(std).reshape(self.std.shape))
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Scores [n, classes] of a batch of raw samples [n, *input_shape]."""
        scores: Tensor = self.body((x.float() - self.mean) / self.std)
        return scores


def _body(spec: ModelSpec) -> nn.Module:
    return _convolutions(spec) if len(spec.input_shape) == 3 else _layers(spec)


def _convolutions(spec: ModelSpec) -> nn.Module:
    """With `bottleneck`, `large`, width 64 and blocks 3, 4, 6, 3 it is ResNet-50.

    He et al. 2015, arXiv 1512.03385, table 1; strides as in version 1.5.
    """
    channels = spec.width
    parts: list[nn.Module] = [*_stem(spec)]
    for stage, blocks in enumerate(spec.blocks):
        for number in range(blocks):
            stride = 2 if stage and number == 0 else 1
            block: BasicBlock | Bottleneck
            if spec.block == "bottleneck":
                block = Bottleneck(channels, spec.width * 2**stage, stride)
            else:
                block = BasicBlock(channels, spec.width * 2**stage, stride)
            parts.append(block)
            channels = block.channels
    return nn.Sequential(
        *parts,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(spec.dropout),
        nn.Linear(channels, len(spec.classes)),
    )


def _stem(spec: ModelSpec) -> list[nn.Module]:
    """From the colours of pixels to `width` channels; the large one quarters the sides."""
    if spec.stem == "small":
        return [*_conv(spec.input_shape[0], spec.width, 3), nn.ReLU(inplace=True)]
    pool = nn.MaxPool2d(3, stride=2, padding=1)
    return [*_conv(spec.input_shape[0], spec.width, 7, stride=2), nn.ReLU(inplace=True), pool]


def _layers(spec: ModelSpec) -> nn.Module:
    width = spec.width * 4
    return nn.Sequential(
        nn.Linear(spec.input_shape[0], width),
        *(RowBlock(width, spec.dropout) for _ in range(sum(spec.blocks))),
        nn.LayerNorm(width),
        nn.Linear(width, len(spec.classes)),
    )


def _conv(channels: int, out: int, size: int, stride: int = 1) -> list[nn.Module]:
    """A convolution and its normalisation, which makes a bias needless."""
    convolution = nn.Conv2d(channels, out, size, stride, padding=size // 2, bias=False)
    return [convolution, nn.BatchNorm2d(out)]


class ConvBlock(nn.Module):
    """Convolutions beside a shortcut."""

    def __init__(self, path: nn.Module, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.channels = out
        self.path = path
        same = channels == out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(*_conv(channels, out, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        """The block's output [n, out, height / stride, width / stride]."""
        return torch.relu(self.path(x) + self.shortcut(x))


class BasicBlock(ConvBlock):
    """Two convolutions of 3 x 3."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        path = (
            *(*_conv(channels, width, 3, stride), nn.ReLU(inplace=True)),
            *_conv(width, width, 3),
        )
        super().__init__(nn.Sequential(*path), channels, width, stride)


class Bottleneck(ConvBlock):
    """One convolution of 3 x 3 between two of 1 x 1, the last of which has four times as much."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        path = (
            *(*_conv(channels, width, 1), nn.ReLU(inplace=True)),
            *(*_conv(width, width, 3, stride), nn.ReLU(inplace=True)),
            *_conv(width, width * 4, 1),
        )
        super().__init__(nn.Sequential(*path), channels, width * 4, stride)


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


def load_predictor(path: Path) -> ClassPredictor:
    """Open a model for the server."""
    model = load(path)

    @torch.inference_mode()
    def classify(x: np.ndarray) -> np.ndarray:
        return np.asarray(model(torch.from_numpy(x)).softmax(1).numpy())

    return ClassPredictor(classify, model.spec.classes, model.spec.input_shape)
