"""Look at the prepared data before anything expensive trains on it."""

from __future__ import annotations

from mlpo_kit import PipelineError, Ref, Workspace
from mlpo_kit.store.arrays import map_arrays
from mlpo_kit.training import checks

from ..settings import ValidateSettings
from . import Validated


def validate(settings: ValidateSettings, work: Workspace, splits: Ref) -> Validated:
    """Check the splits; raises PipelineError with every problem found."""
    arrays = map_arrays(work.open(splits))
    problems = [
        *checks.find_shape_problems(arrays),
        *checks.find_value_problems(arrays, settings.max_constant_share, settings.value_range),
        *checks.find_leakage(arrays),
    ]
    report = work.save_json("validation.json", {"problems": problems})
    if problems:
        listed = "\n  - ".join(problems)
        raise PipelineError(f"the data is not fit to train on:\n  - {listed}")
    return Validated(report)
