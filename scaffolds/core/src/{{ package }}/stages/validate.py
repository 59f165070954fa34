"""Look at the prepared data before anything expensive trains on it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
from mlpo_kit import PipelineError, Ref, Workspace
from mlpo_kit.store.arrays import hash_rows, load_note, map_arrays, split_rows

from ..settings import ValidateSettings
from . import Validated

log = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
Arrays = dict[str, np.ndarray]


def validate(settings: ValidateSettings, work: Workspace, splits: Ref) -> Validated:
    """Check the splits; raises PipelineError with every problem found."""
    path = work.open(splits)
    arrays, classes = map_arrays(path), load_note(path)["classes"]
    problems = list(find_problems(arrays, classes, settings))
    counts = np.bincount(arrays["train_y"], minlength=len(classes)).tolist()
    rows_per_class = dict(zip(classes, counts, strict=False))
    report = work.save_json("validation.json", {"problems": problems, "train_rows": rows_per_class})
    if problems:
        listed = "\n  - ".join(problems)
        raise PipelineError(f"the data is not fit to train on:\n  - {listed}")
    log.info("the data is fit to train on: %d rows", sum(counts))
    return Validated(report, rows_per_class)


def find_problems(arrays: Arrays, classes: list[str], settings: ValidateSettings) -> Iterator[str]:
    """Every reason not to train on these splits, in words."""
    broken = list(_schema(arrays, len(classes)))
    yield from broken
    if broken:  # the other checks count on it
        return
    yield from _values(arrays, settings)
    yield from _balance(arrays["train_y"], classes, settings)
    yield from _coverage(arrays, classes)
    yield from _leakage(arrays)


def _schema(arrays: Arrays, classes: int) -> Iterator[str]:
    if classes < 2:
        yield f"there must be at least 2 classes, and there is {classes}"
    for name in SPLITS:
        x, y = arrays[f"{name}_x"], arrays[f"{name}_y"]
        if len(x) == 0 or len(x) != len(y):
            yield f"{name} has {len(x)} samples and {len(y)} labels"
        elif x.shape[1:] != arrays["train_x"].shape[1:]:
            yield f"{name} samples are {x.shape[1:]}, train's are {arrays['train_x'].shape[1:]}"
        if len(y) and (y.min() < 0 or y.max() >= classes):
            yield f"{name} has labels from {y.min()} to {y.max()}; there are {classes} classes"


def _values(arrays: Arrays, settings: ValidateSettings) -> Iterator[str]:
    for name in SPLITS:
        x = arrays[f"{name}_x"].reshape(len(arrays[f"{name}_x"]), -1)
        bad, rows, columns, constant = 0, 0, set[int](), 0
        low, high = np.inf, -np.inf
        for part in split_rows(x):  # of which each fits into memory
            values = x[part]
            wrong = ~np.isfinite(values)
            bad += int(wrong.sum())
            rows += int(wrong.any(axis=1).sum())
            columns |= set(np.flatnonzero(wrong.any(axis=0)).tolist())
            least, most = values.min(axis=1), values.max(axis=1)
            constant += int((least == most).sum()) if x.shape[1] > 1 else 0
            low, high = min(low, least.min()), max(high, most.max())
        if bad:
            yield (
                f"{name} has {bad} missing or infinite values in {rows} rows, first in columns "
                f"{sorted(columns)[:5]}"
            )
            continue
        if constant > settings.max_constant_share * len(x):
            share = constant / len(x)
            yield f"{share:.0%} of the samples in {name} are blank: all their values are equal"
        if settings.value_range is not None:
            least_allowed, most_allowed = settings.value_range
            if low < least_allowed or high > most_allowed:
                yield (
                    f"{name} has values from {low:g} to {high:g}; "
                    f"validate.value_range allows {least_allowed:g} to {most_allowed:g}"
                )


def _balance(y: np.ndarray, classes: list[str], settings: ValidateSettings) -> Iterator[str]:
    counts = np.bincount(y, minlength=len(classes))
    for name, count in zip(classes, counts, strict=True):
        if count < settings.min_rows_per_class:
            yield (
                f"class {name!r} has {count} training samples; at least "
                f"{settings.min_rows_per_class} are asked for (validate.min_rows_per_class)"
            )
    if counts.max() > settings.max_imbalance * max(counts.min(), 1):
        most, least = classes[int(counts.argmax())], classes[int(counts.argmin())]
        yield (
            f"class {most!r} has {counts.max()} training samples and {least!r} {counts.min()}: "
            f"more than {settings.max_imbalance:g} times as many (validate.max_imbalance)"
        )


def _coverage(arrays: Arrays, classes: list[str]) -> Iterator[str]:
    for name in ("val", "test"):
        missing = [classes[i] for i in set(range(len(classes))) - set(arrays[f"{name}_y"].tolist())]
        if missing:
            yield f"{name} has no sample of {', '.join(sorted(missing))}"


def _leakage(arrays: Arrays) -> Iterator[str]:
    """Samples with the same content in two splits make the test look better than it is."""
    content = {name: set(hash_rows(arrays[f"{name}_x"])) for name in SPLITS}
    for index, one in enumerate(SPLITS):
        for other in SPLITS[index + 1 :]:
            shared = len(content[one] & content[other])
            if shared:
                yield f"{shared} samples are in both {one} and {other}"
