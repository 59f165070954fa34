"""Rows that are dealt out to splits: copies found, moments measured, one file written.

Arrays may be larger than the memory: they are worked on a part at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlpo_kit.store.arrays import create_arrays, hash_rows, split_rows

Arrays = Mapping[str, np.ndarray]


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


def save_splits(path: Path, arrays: Arrays, splits: Arrays, note: dict[str, Any]) -> None:
    """Write the rows of each split as `<split>_<array>`, with a JSON document beside them.

    `splits` holds the row numbers of each: `{"train": ..., "test": ...}` makes `train_x`,
    `train_y`, `test_x` and `test_y` of arrays `x` and `y`.
    """
    shapes = {
        f"{split}_{name}": (array.dtype.name, (len(rows), *array.shape[1:]))
        for split, rows in splits.items()
        for name, array in arrays.items()
    }
    places = create_arrays(path, shapes, note)
    for split, rows in splits.items():
        for name, array in arrays.items():
            place = places[f"{split}_{name}"]
            for part in split_rows(place):
                place[part] = array[rows[part]]
