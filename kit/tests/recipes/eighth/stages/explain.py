"""Tell which pixels or columns the model looks at: the average gradient of its surest score."""

from __future__ import annotations

import numpy as np
import torch
from mlpo_kit import Ref, Workspace
from mlpo_kit.store.arrays import save_arrays
from mlpo_kit.training.splits import open_splits

from ..model import load
from ..settings import ExplainSettings
from . import Explained


def explain(
    settings: ExplainSettings, work: Workspace, model: Ref, dataset: Ref, splits: Ref
) -> Explained:
    """Write one weight per input value, as large as the input."""
    opened, _ = open_splits(work.open(dataset), work.open(splits))
    rows = opened["test"].read_samples(slice(settings.rows))
    x = torch.from_numpy(rows.astype(np.float32)).requires_grad_()
    load(work.open(model))(x).max(1).values.sum().backward()
    assert x.grad is not None
    weights = x.grad.abs().mean(0).numpy()
    save_arrays(work.path("weights.safetensors"), {"weights": weights}, {})
    return Explained(work.ref("weights.safetensors"), int(weights.argmax()))
