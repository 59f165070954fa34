"""YOUR SECTIONS of a run's page."""

from __future__ import annotations

import numpy as np
from mlpo_kit.reports.sections import RunResults, Section, format_table
from mlpo_kit.store.arrays import map_arrays


def make_sections(results: RunResults) -> list[Section]:
    """The rows that the model is most wrong about."""
    splits, predictions = results.open("preprocess.splits"), results.open("evaluate.predictions")
    if splits is None or predictions is None:
        return []
    truth, values = map_arrays(splits)["test_y"], map_arrays(predictions)["values"]
    worst = np.argsort(-np.abs(values - truth))[:10]
    rows = [(int(row), float(values[row]), float(truth[row])) for row in worst]
    return [Section("Largest errors", format_table(["row", "predicted", "truth"], rows))]
