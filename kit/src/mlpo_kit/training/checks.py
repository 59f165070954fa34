"""What can be wrong with splits, found before anything expensive trains on them.

Each function yields a sentence per problem. Samples may be more than fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from mlpo_kit.store.arrays import hash_rows
from mlpo_kit.training.splits import Split

Splits = Mapping[str, Split]
SPLITS = ("train", "val", "test")


def find_empty_splits(splits: Splits) -> Iterator[str]:
    """Find splits that have no rows, or are not there."""
    for name in SPLITS:
        if name not in splits or not len(splits[name]):
            yield f"{name} has no rows"


def find_value_problems(
    splits: Splits, max_constant_share: float = 1.0, value_range: tuple[float, float] | None = None
) -> Iterator[str]:
    """Find samples with missing or infinite values, too many that are blank, values out of range.

    A sample is blank where all its values are equal. `value_range` holds the smallest and the
    largest value that are allowed.
    """
    for name in SPLITS:
        split = splits[name]
        bad, rows, columns, constant = 0, 0, set[int](), 0
        low, high = np.inf, -np.inf
        for part in split.split_rows():
            samples = split.read_samples(part)
            values = samples.reshape(len(samples), -1)
            wrong = ~np.isfinite(values)
            bad += int(wrong.sum())
            rows += int(wrong.any(axis=1).sum())
            columns |= set(np.flatnonzero(wrong.any(axis=0)).tolist())
            least, most = values.min(axis=1), values.max(axis=1)
            constant += int((least == most).sum()) if values.shape[1] > 1 else 0
            low, high = min(low, least.min()), max(high, most.max())
        if bad:
            yield (
                f"{name} has {bad} missing or infinite values in {rows} rows, first in columns "
                f"{sorted(columns)[:5]}"
            )
            continue
        if constant > max_constant_share * len(split):
            share = constant / len(split)
            yield f"{share:.0%} of the samples in {name} are blank: all their values are equal"
        if value_range is not None and (low < value_range[0] or high > value_range[1]):
            yield (
                f"{name} has values from {low:g} to {high:g}; "
                f"value_range allows {value_range[0]:g} to {value_range[1]:g}"
            )


def find_label_problems(splits: Splits, classes: Sequence[str]) -> Iterator[str]:
    """Find class numbers that no class has, and fewer than two classes."""
    if len(classes) < 2:
        yield f"there must be at least 2 classes, and there is {len(classes)}"
    for name, split in splits.items():
        y = split.targets
        if len(y) and (y.min() < 0 or y.max() >= len(classes)):
            yield f"{name} has labels from {y.min()} to {y.max()}; there are {len(classes)} classes"


def find_balance_problems(
    splits: Splits,
    classes: Sequence[str],
    min_rows_per_class: int = 1,
    max_imbalance: float = np.inf,
) -> Iterator[str]:
    """Find classes that are rare in training, or not in val or test at all.

    `max_imbalance` is how many times as many samples the largest class may have as the smallest.
    """
    counts = np.bincount(splits["train"].targets, minlength=len(classes))
    for name, count in zip(classes, counts, strict=True):
        if count < min_rows_per_class:
            yield (
                f"class {name!r} has {count} training samples; at least "
                f"{min_rows_per_class} are asked for (min_rows_per_class)"
            )
    if counts.max() > max_imbalance * max(counts.min(), 1):
        most, least = classes[int(counts.argmax())], classes[int(counts.argmin())]
        yield (
            f"class {most!r} has {counts.max()} training samples and {least!r} {counts.min()}: "
            f"more than {max_imbalance:g} times as many (max_imbalance)"
        )
    for name in ("val", "test"):
        missing = set(range(len(classes))) - set(splits[name].targets.tolist())
        if missing:
            yield f"{name} has no sample of {', '.join(sorted(classes[i] for i in missing))}"


def find_leakage(splits: Splits) -> Iterator[str]:
    """Find samples of the same content in two splits: they make the test look too good."""
    content = {name: _hash_samples(splits[name]) for name in SPLITS}
    for one, other in combinations(SPLITS, 2):
        if shared := len(content[one] & content[other]):
            yield f"{shared} samples are in both {one} and {other}"


def _hash_samples(split: Split) -> set[bytes]:
    parts = split.split_rows()
    return {digest for part in parts for digest in hash_rows(split.read_samples(part))}
