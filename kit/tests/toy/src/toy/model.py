"""The model: a factor in a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Predictor:
    """Multiplies."""

    def __init__(self, factor: float) -> None:
        """Multiply by `factor`."""
        self.factor = factor

    def describe(self) -> dict[str, Any]:
        """The factor."""
        return {"factor": self.factor}

    def predict(self, rows: list[Any]) -> dict[str, list[Any]]:
        """Each row's product; raises ValueError for what is no number."""
        if not all(isinstance(row, (int, float)) for row in rows):
            raise ValueError("rows must be numbers")
        return {"values": [row * self.factor for row in rows]}


def load_predictor(path: Path) -> Predictor:
    """Open a model for the server."""
    return Predictor(json.loads(path.read_text(encoding="utf-8"))["factor"])
