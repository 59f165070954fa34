"""Refuse too few numbers."""

from __future__ import annotations

from mlpo_kit import PipelineError, Ref, Workspace

from ..settings import ValidateSettings
from . import Validated


def validate(settings: ValidateSettings, work: Workspace, dataset: Ref, splits: Ref) -> Validated:
    """Count them."""
    numbers = work.read_json(dataset)
    rows = len([numbers[row] for row in work.read_json(splits)["train"]])
    if rows < settings.min_rows:
        raise PipelineError(f"there are {rows} rows; at least {settings.min_rows} are wanted")
    return Validated(work.save_json("validation.json", {"rows": rows}))
