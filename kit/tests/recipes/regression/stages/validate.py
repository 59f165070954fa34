"""Look at the prepared data before anything expensive trains on it."""

from __future__ import annotations

from mlpo_kit import PipelineError, Ref, Workspace
from mlpo_kit.training import checks
from mlpo_kit.training.splits import open_splits

from ..settings import ValidateSettings
from . import Validated


def validate(settings: ValidateSettings, work: Workspace, dataset: Ref, splits: Ref) -> Validated:
    """Check the splits; raises PipelineError with every problem found."""
    rows, _ = open_splits(work.open(dataset), work.open(splits))
    problems = [
        *checks.find_empty_splits(rows),
        *checks.find_value_problems(rows, settings.max_constant_share, settings.value_range),
        *checks.find_leakage(rows),
    ]
    report = work.save_json("validation.json", {"problems": problems})
    if problems:
        listed = "\n  - ".join(problems)
        raise PipelineError(f"the data is not fit to train on:\n  - {listed}")
    return Validated(report)
