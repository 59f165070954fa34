"""Tell which pixels or columns the model looks at: the average gradient of its surest score."""

from __future__ import annotations

import numpy as np
import torch
from mlpo_kit import Ref, Workspace
from mlpo_kit.store.arrays import map_arrays, save_arrays

from ..model import load
from ..settings import ExplainSettings
from . import Explained


def explain(settings: ExplainSettings, work: Workspace, model: Ref, splits: Ref) -> Explained:
    """Write one weight per input value, as large as the input."""
    rows = map_arrays(work.open(splits))["test_x"][: settings.rows]
    x = torch.from_numpy(np.array(rows, np.float32)).requires_grad_()
    load(work.open(model))(x).max(1).values.sum().backward()
    assert x.grad is not None
    weights = x.grad.abs().mean(0).numpy()
    save_arrays(work.path("weights.safetensors"), {"weights": weights}, {})
    return Explained(work.ref("weights.safetensors"), int(weights.argmax()))
