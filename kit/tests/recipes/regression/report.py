"""YOUR SECTIONS of a run's page."""

from __future__ import annotations

import numpy as np
from mlpo_kit.reports.sections import RunResults, Section, format_table
from mlpo_kit.store.arrays import map_arrays
from mlpo_kit.training.splits import open_splits


def make_sections(results: RunResults) -> list[Section]:
    """The rows that the model is most wrong about."""
    dataset, splits, predictions = (
        results.open(f"evaluate.{name}") for name in ("dataset", "splits", "predictions")
    )
    if dataset is None or splits is None or predictions is None:
        return []
    opened, _ = open_splits(dataset, splits)
    truth, values = opened["test"].targets, map_arrays(predictions)["values"]
    worst = np.argsort(-np.abs(values - truth))[:10]
    rows = [(int(row), float(values[row]), float(truth[row])) for row in worst]
    return [Section("Largest errors", format_table(["row", "predicted", "truth"], rows))]
