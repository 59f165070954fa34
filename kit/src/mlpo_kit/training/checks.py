"""What can be wrong with splits, found before anything expensive trains on them.

Each function yields a sentence per problem. Splits are arrays `<split>_x`, the samples, and
`<split>_y`, their targets: the class numbers, where there are classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from mlpo_kit.store.arrays import hash_rows, split_rows

Arrays = Mapping[str, np.ndarray]
SPLITS = ("train", "val", "test")


def find_shape_problems(arrays: Arrays) -> Iterator[str]:
    """Find splits that are empty, lack targets, or have samples of another shape."""
    for name in SPLITS:
        x, y = arrays[f"{name}_x"], arrays[f"{name}_y"]
        if len(x) == 0 or len(x) != len(y):
            yield f"{name} has {len(x)} samples and {len(y)} labels"
        elif x.shape[1:] != arrays["train_x"].shape[1:]:
            yield f"{name} samples are {x.shape[1:]}, train's are {arrays['train_x'].shape[1:]}"


def find_value_problems(
    arrays: Arrays, max_constant_share: float = 1.0, value_range: tuple[float, float] | None = None
) -> Iterator[str]:
    """Find samples with missing or infinite values, too many that are blank, values out of range.

    A sample is blank where all its values are equal. `value_range` holds the smallest and the
    largest value that are allowed.
    """
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
        if constant > max_constant_share * len(x):
            share = constant / len(x)
            yield f"{share:.0%} of the samples in {name} are blank: all their values are equal"
        if value_range is not None and (low < value_range[0] or high > value_range[1]):
            yield (
                f"{name} has values from {low:g} to {high:g}; "
                f"value_range allows {value_range[0]:g} to {value_range[1]:g}"
            )


def find_label_problems(arrays: Arrays, classes: Sequence[str]) -> Iterator[str]:
    """Find class numbers that no class has, and fewer than two classes."""
    if len(classes) < 2:
        yield f"there must be at least 2 classes, and there is {len(classes)}"
    for name in SPLITS:
        y = arrays[f"{name}_y"]
        if len(y) and (y.min() < 0 or y.max() >= len(classes)):
            yield f"{name} has labels from {y.min()} to {y.max()}; there are {len(classes)} classes"


def find_balance_problems(
    arrays: Arrays,
    classes: Sequence[str],
    min_rows_per_class: int = 1,
    max_imbalance: float = np.inf,
) -> Iterator[str]:
    """Find classes that are rare in training, or not in val or test at all.

    `max_imbalance` is how many times as many samples the largest class may have as the smallest.
    """
    counts = np.bincount(arrays["train_y"], minlength=len(classes))
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
        missing = set(range(len(classes))) - set(arrays[f"{name}_y"].tolist())
        if missing:
            yield f"{name} has no sample of {', '.join(sorted(classes[i] for i in missing))}"


def find_leakage(arrays: Arrays) -> Iterator[str]:
    """Find samples of the same content in two splits: they make the test look too good."""
    content = {name: set(hash_rows(arrays[f"{name}_x"])) for name in SPLITS}
    for one, other in combinations(SPLITS, 2):
        if shared := len(content[one] & content[other]):
            yield f"{shared} samples are in both {one} and {other}"
