"""Splits of a dataset: find duplicates, measure moments, save and open splits.

A split is saved as row numbers; the samples stay in the dataset's file. The arrays may exceed the
memory, because they are processed a part at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlpo_kit.errors import PipelineError
from mlpo_kit.store.arrays import hash_rows, load_note, map_arrays, save_arrays, split_rows

ALL = slice(None)


@dataclass(frozen=True)
class Split:
    """Some rows of a dataset, such as those to train on, read from the dataset's file.

    all_samples: of the whole dataset, [n, ...], memory-mapped
    all_targets: of the whole dataset, [n]; class numbers are int64
    rows: the row numbers of this split in these arrays, int64 [m]
    """

    all_samples: np.ndarray
    all_targets: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        """Count its rows."""
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.all_samples.shape[1:])

    @property
    def nbytes(self) -> int:
        """The size of its samples in bytes."""
        row = int(np.prod(self.shape, dtype=np.int64)) * self.all_samples.itemsize
        return len(self) * row

    @property
    def targets(self) -> np.ndarray:
        """The targets of its rows, [m]."""
        return np.asarray(self.all_targets[self.rows])

    def read_samples(self, part: slice | np.ndarray = ALL) -> np.ndarray:
        """Read samples into memory: all of the split, or a part of its rows such as slice(64)."""
        return np.asarray(self.all_samples[self.rows[part]])

    def split_rows(self) -> Iterator[slice]:
        """Split its rows into slices that fit into memory."""
        return split_rows(self.all_samples, len(self))


def find_first_copies(x: np.ndarray) -> np.ndarray:
    """Find the numbers, int64 [m], of the rows that do not repeat the content of an earlier row."""
    seen: dict[bytes, int] = {}
    for number, digest in enumerate(hash_rows(x)):
        seen.setdefault(digest, number)
    return np.fromiter(seen.values(), np.int64)


def measure_moments(x: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure mean and standard deviation of some rows, per channel or feature (axis 1 of x).

    A standard deviation of zero is replaced by 1, so that it can be divided by. Rows are read a
    part at a time; the parts' means and squares are merged as in Chan et al. 1979, Updating
    Formulae and a Pairwise Algorithm for Computing Sample Variances, equation 2.1.
    """
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    count, mean, squares = 0, np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for part in split_rows(x):
        values = x[rows[(rows >= part.start) & (rows < part.stop)]]
        if not len(values):
            continue
        n, part_mean = values.size // x.shape[1], values.mean(axes, dtype=np.float64)
        delta = part_mean - mean
        squares += values.var(axes, dtype=np.float64) * n + delta**2 * (count * n / (count + n))
        count += n
        mean += delta * (n / count)
    std = np.sqrt(squares / max(count, 1))
    return mean, np.where(std > 0, std, 1.0)


def save_splits(path: Path, splits: Mapping[str, np.ndarray], note: dict[str, Any]) -> None:
    """Write the row numbers of each split and a JSON document to one file."""
    save_arrays(path, {name: rows.astype(np.int64) for name, rows in splits.items()}, note)


def open_splits(dataset: Path, splits: Path) -> tuple[dict[str, Split], dict[str, Any]]:
    """Open the splits of a dataset; returns them by name, and the JSON document of their file.

    dataset: a file with the arrays `x`, the samples, and `y`, their targets
    splits: a file from `save_splits` with row numbers of this dataset

    Raises PipelineError if the two files do not fit together.
    """
    arrays = map_arrays(dataset)
    if missing := {"x", "y"} - arrays.keys():
        raise PipelineError(f"the dataset {dataset.name} has no array {', '.join(sorted(missing))}")
    x, y = arrays["x"], arrays["y"]
    if len(x) != len(y):
        raise PipelineError(f"the dataset has {len(x)} samples in x and {len(y)} targets in y")
    opened = {}
    for name, rows in map_arrays(splits).items():
        if rows.dtype != np.int64 or rows.ndim != 1:
            raise PipelineError(
                f"{name} in {splits.name} does not hold row numbers (int64, 1 axis)"
            )
        if len(rows) and (rows.min() < 0 or rows.max() >= len(x)):
            raise PipelineError(
                f"{name} has row numbers from {rows.min()} to {rows.max()}, but the dataset has "
                f"{len(x)} rows: a stage that writes a new dataset must also write its splits"
            )
        opened[name] = Split(x, y, rows)
    return opened, load_note(splits)
