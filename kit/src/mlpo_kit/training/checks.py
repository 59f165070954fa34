"""Find problems in splits before an expensive training uses them.

Each function yields one sentence per problem. The samples may exceed the memory.
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
    """Find splits that are missing or have no rows."""
    for name in SPLITS:
        if name not in splits or not len(splits[name]):
            yield f"{name} has no rows"


def find_value_problems(
    splits: Splits, max_constant_share: float = 1.0, value_range: tuple[float, float] | None = None
) -> Iterator[str]:
    """Find missing or infinite values, too many blank samples, and values out of range.

    A sample is blank if all its values are equal. `value_range` is the smallest and the largest
    allowed value.
    """
    for name in SPLITS:
        split = splits[name]
        bad, rows, columns, constant = 0, 0, set[int](), 0
        low, high = np.inf, -np.inf
        for part in split.split_rows():
            samples = split.read_samples(part)
            values = samples.reshape(len(samples), -1)
            is_bad = ~np.isfinite(values)
            bad += int(is_bad.sum())
            rows += int(is_bad.any(axis=1).sum())
            columns |= set(np.flatnonzero(is_bad.any(axis=0)).tolist())
            lowest, highest = values.min(axis=1), values.max(axis=1)
            constant += int((lowest == highest).sum()) if values.shape[1] > 1 else 0
            low, high = min(low, lowest.min()), max(high, highest.max())
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
    """Find labels that are not the number of a class, and fewer than two classes."""
    if len(classes) < 2:
        yield f"there must be at least 2 classes, but there is {len(classes)}"
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
    """Find classes that are rare in train or missing in val or test.

    `max_imbalance` is the largest allowed ratio of samples between the largest and the smallest
    class.
    """
    counts = np.bincount(splits["train"].targets, minlength=len(classes))
    for name, count in zip(classes, counts, strict=True):
        if count < min_rows_per_class:
            yield (
                f"class {name!r} has {count} training samples; at least "
                f"{min_rows_per_class} are required (min_rows_per_class)"
            )
    if counts.max() > max_imbalance * max(counts.min(), 1):
        largest, smallest = classes[int(counts.argmax())], classes[int(counts.argmin())]
        yield (
            f"class {largest!r} has {counts.max()} training samples and {smallest!r} "
            f"{counts.min()}: "
            f"more than {max_imbalance:g} times as many (max_imbalance)"
        )
    for name in ("val", "test"):
        missing = set(range(len(classes))) - set(splits[name].targets.tolist())
        if missing:
            yield f"{name} has no sample of {', '.join(sorted(classes[i] for i in missing))}"


def find_leakage(splits: Splits) -> Iterator[str]:
    """Find samples that are in two splits: they make test metrics too optimistic."""
    digests = {name: _hash_samples(splits[name]) for name in SPLITS}
    for first, second in combinations(SPLITS, 2):
        if shared := len(digests[first] & digests[second]):
            yield f"{shared} samples are in both {first} and {second}"


def _hash_samples(split: Split) -> set[bytes]:
    parts = split.split_rows()
    return {digest for part in parts for digest in hash_rows(split.read_samples(part))}
