"""Drop copies, split into train, val and test, and measure how to normalise."""

from __future__ import annotations

import logging

import numpy as np
from mlpo_kit import Ref, Workspace
from mlpo_kit.store.arrays import (
    create_arrays,
    hash_rows,
    load_note,
    map_arrays,
    split_rows,
)

from ..settings import PreprocessSettings
from . import Preprocessed

log = logging.getLogger(__name__)


def preprocess(settings: PreprocessSettings, work: Workspace, dataset: Ref) -> Preprocessed:
    """Write `{train,val,test}_{x,y}` and, as a note, the classes and the training split's moments.

    Pixels stay bytes, in a file that `train` maps into memory: the device normalises them, and has
    a quarter to read.

    Splitting is stratified by class and depends on the seed alone. Of rows with the same
    content only the first stays, so that no test row was seen in training.
    """
    path = work.open(dataset)
    arrays, classes = map_arrays(path), load_note(path)["classes"]
    x, y = arrays["x"], arrays["y"]
    kept = first_of_each(x)
    splits = split(y, kept, settings)
    mean, std = moments(x, splits["train"])
    note = {"classes": classes, "mean": mean.tolist(), "std": std.tolist()}
    shapes = {
        f"{name}_{key}": (array.dtype.name, (len(rows), *array.shape[1:]))
        for name, rows in splits.items()
        for key, array in arrays.items()
    }
    places = create_arrays(work.path("splits.safetensors"), shapes, note)
    for name, rows in splits.items():
        for key, array in arrays.items():
            place = places[f"{name}_{key}"]
            for part in split_rows(place):
                place[part] = array[rows[part]]
    sizes = {name: len(rows) for name, rows in splits.items()}
    log.info("split into %s, dropped %d copies", sizes, len(y) - len(kept))
    return Preprocessed(work.ref("splits.safetensors"), sizes, len(y) - len(kept))


def first_of_each(x: np.ndarray) -> np.ndarray:
    """The row numbers [m] that are left when later rows of the same content are dropped."""
    seen: dict[bytes, int] = {}
    for number, digest in enumerate(hash_rows(x)):
        seen.setdefault(digest, number)
    return np.fromiter(seen.values(), np.int64)


def split(y: np.ndarray, rows: np.ndarray, settings: PreprocessSettings) -> dict[str, np.ndarray]:
    """Deal the rows of each class out to train, val and test by their shares."""
    random = np.random.default_rng(settings.seed)
    dealt: dict[str, list[np.ndarray]] = {"train": [], "val": [], "test": []}
    for number in np.unique(y[rows]):
        members = random.permutation(rows[y[rows] == number])
        val = round(len(members) * settings.val_share)
        test = val + round(len(members) * settings.test_share)
        dealt["val"].append(members[:val])
        dealt["test"].append(members[val:test])
        dealt["train"].append(members[test:])
    return {name: np.sort(np.concatenate(parts)) for name, parts in dealt.items()}


def moments(x: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation [channels or features] of some rows, the latter never zero.

    Without a copy of them: the parts' means and squares are merged as in Chan et al. 1979,
    Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, equation 2.1.
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
