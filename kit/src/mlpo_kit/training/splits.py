"""Rows that are dealt out to splits: copies found, moments measured, row numbers written.

The samples are in the file of the dataset, and nowhere else. Its arrays may be larger than the
memory: they are worked on a part at a time.
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
    """Some rows of a dataset, such as those to train on, read where they are.

    all_samples: of the whole dataset, [n, ...], memory-mapped
    all_targets: of the whole dataset, [n]: class numbers (int64), where there are classes
    rows: the numbers of this split's rows in them, int64 [m]
    """

    all_samples: np.ndarray
    all_targets: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        """How many rows it has."""
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
        """Bring samples of its rows into memory: all, or those at some places, as slice(64)."""
        return np.asarray(self.all_samples[self.rows[part]])

    def split_rows(self) -> Iterator[slice]:
        """Split its rows into slices, of which each fits into memory."""
        return split_rows(self.all_samples, len(self))


def find_first_copies(x: np.ndarray) -> np.ndarray:
    """Find the row numbers, int64 [m], that are left when later rows of the same content go."""
    seen: dict[bytes, int] = {}
    for number, digest in enumerate(hash_rows(x)):
        seen.setdefault(digest, number)
    return np.fromiter(seen.values(), np.int64)


def measure_moments(x: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure mean and standard deviation of some rows, per channel or feature (axis 1 of x).

    The deviation is never zero, so that one can divide by it. The rows are not copied: the parts'
    means and squares are merged as in Chan et al. 1979, Updating Formulae and a Pairwise
    Algorithm for Computing Sample Variances, equation 2.1.
    """
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    count, mean, squares = 0, np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for part in split_rows(x):
        taken = x[rows[(rows >= part.start) & (rows < part.stop)]]
        if not len(taken):
            continue
        n, middle = taken.size // x.shape[1], taken.mean(axes, dtype=np.float64)
        apart = middle - mean
        squares += taken.var(axes, dtype=np.float64) * n + apart**2 * (count * n / (count + n))
        count += n
        mean += apart * (n / count)
    std = np.sqrt(squares / max(count, 1))
    return mean, np.where(std > 0, std, 1.0)


def save_splits(path: Path, splits: Mapping[str, np.ndarray], note: dict[str, Any]) -> None:
    """Write the row numbers of each split, with a JSON document beside them."""
    save_arrays(path, {name: rows.astype(np.int64) for name, rows in splits.items()}, note)


def open_splits(dataset: Path, splits: Path) -> tuple[dict[str, Split], dict[str, Any]]:
    """Open the splits of a dataset, by name, and the JSON document beside them.

    dataset: a file of arrays `x`, the samples, and `y`, their targets
    splits: the file that `save_splits` wrote, of rows of this dataset

    Raises PipelineError when the two files do not fit together.
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
            raise PipelineError(f"{name} in {splits.name} holds no row numbers (int64, 1 axis)")
        if len(rows) and (rows.min() < 0 or rows.max() >= len(x)):
            raise PipelineError(
                f"{name} has row numbers from {rows.min()} to {rows.max()}, and the dataset has "
                f"{len(x)} rows: a stage that writes another dataset writes the splits of that one"
            )
        opened[name] = Split(x, y, rows)
    return opened, load_note(splits)
