"""Split the numbers."""

from __future__ import annotations

from mlpo_kit import Ref, Workspace

from ..settings import PreprocessSettings
from . import Preprocessed


def preprocess(settings: PreprocessSettings, work: Workspace, dataset: Ref) -> Preprocessed:
    """Take the last ones for the test."""
    numbers = list(range(len(work.read_json(dataset))))
    cut = len(numbers) - round(len(numbers) * settings.test_share)
    splits = {"train": numbers[:cut], "test": numbers[cut:]}
    rows = {name: len(part) for name, part in splits.items()}
    return Preprocessed(dataset, work.save_json("splits.json", splits), rows)
