"""Check the prepared data before an expensive training."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
from mlpo_kit import PipelineError, Ref, Workspace
from mlpo_kit.training import checks
from mlpo_kit.training.splits import Split, open_splits

from ..settings import ValidateSettings
from . import Validated

log = logging.getLogger(__name__)


def validate(settings: ValidateSettings, work: Workspace, dataset: Ref, splits: Ref) -> Validated:
    """Check the splits. Raises PipelineError with all problems."""
    rows, note = open_splits(work.open(dataset), work.open(splits))
    classes = note["classes"]
    problems = list(find_problems(rows, classes, settings))
    counts = np.bincount(rows["train"].targets, minlength=len(classes)).tolist()
    rows_per_class = dict(zip(classes, counts, strict=False))
    report = work.save_json("validation.json", {"problems": problems, "train_rows": rows_per_class})
    if problems:
        listed = "\n  - ".join(problems)
        raise PipelineError(f"the data is not fit to train on:\n  - {listed}")
    log.info("the data is fit to train on: %d rows", sum(counts))
    return Validated(report, rows_per_class)


def find_problems(
    splits: dict[str, Split], classes: list[str], settings: ValidateSettings
) -> Iterator[str]:
    """Yield every reason not to train on these splits. Add your own checks here."""
    broken = [*checks.find_empty_splits(splits), *checks.find_label_problems(splits, classes)]
    yield from broken
    if broken:  # the other checks rely on these
        return
    yield from checks.find_value_problems(splits, settings.max_constant_share, settings.value_range)
    yield from checks.find_balance_problems(
        splits, classes, settings.min_rows_per_class, settings.max_imbalance
    )
    yield from checks.find_leakage(splits)
