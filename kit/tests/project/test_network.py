"""The project's own network."""

from __future__ import annotations

import pytest
import torch


@pytest.mark.usefixtures("project")
@pytest.mark.slow
def test_resnet_50_is_a_matter_of_settings() -> None:
    from pets.model import Classifier, ModelSpec

    names = tuple(map(str, range(1000)))
    spec = ModelSpec((3, 224, 224), names, 64, (3, 4, 6, 3), 0.0, "bottleneck", "large")
    with torch.device("meta"):
        model = Classifier(spec)
    assert sum(p.numel() for p in model.parameters()) == 25_557_032  # as torchvision's
    assert isinstance(model.body, torch.nn.Sequential)
    picture = torch.empty(1, 3, 224, 224, device="meta")
    assert model.body[:-4](picture).shape == (1, 2048, 7, 7)
