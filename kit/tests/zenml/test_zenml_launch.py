"""How a run on this machine starts."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping

import numpy as np
import pytest
from zenml.utils.source_utils import resolve

from mlpo_kit.zenml.launch import cache_distributions


def test_the_installed_distributions_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []

    def read() -> Mapping[str, list[str]]:
        reads.append(1)
        return {"numpy": ["numpy"]}

    monkeypatch.setattr(importlib.metadata, "packages_distributions", read)
    resolve(np.ndarray)
    resolve(np.ndarray)
    assert len(reads) == 2  # otherwise the cache is no longer needed
    for _ in range(2):
        cache_distributions()
        assert resolve(np.ndarray).package_name == "numpy"
    assert len(reads) == 3
