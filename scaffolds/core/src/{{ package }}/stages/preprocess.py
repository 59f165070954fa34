"""Drop copies, split into train, val and test, and measure how to normalise."""

from __future__ import annotations

import logging

import numpy as np

from ..kit.arrays import load_arrays, load_note, save_arrays
from ..kit.store import Ref
from ..kit.workspace import Workspace
from ..settings import PreprocessSettings
from . import Preprocessed

log = logging.getLogger(__name__)


def preprocess(settings: PreprocessSettings, work: Workspace, dataset: Ref) -> Preprocessed:
    """Write `{train,val,test}_{x,y}` and, as a note, the classes and the training split's moments.

    Splitting is stratified by class and depends on the seed alone. Of rows with the same
    content only the first stays, so that no test row was seen in training.
    """
    path = work.open(dataset)
    arrays, classes = load_arrays(path), load_note(path)["classes"]
    x, y = arrays["x"], arrays["y"]
    kept = first_of_each(x)
    splits = split(y, kept, settings)
    out = {
        f"{name}_{key}": array[rows]
        for name, rows in splits.items()
        for key, array in arrays.items()
    }
    mean, std = moments(x[splits["train"]])
    note = {"classes": classes, "mean": mean.tolist(), "std": std.tolist()}
    save_arrays(work.path("splits.safetensors"), out, note)
    sizes = {name: len(rows) for name, rows in splits.items()}
    log.info("split into %s, dropped %d copies", sizes, len(y) - len(kept))
    return Preprocessed(work.ref("splits.safetensors"), sizes, len(y) - len(kept))


def first_of_each(x: np.ndarray) -> np.ndarray:
    """The row numbers [m] that are left when later rows of the same content are dropped."""
    flat = np.ascontiguousarray(x).reshape(len(x), -1)
    seen: dict[bytes, int] = {}
    for number, row in enumerate(flat):
        seen.setdefault(row.tobytes(), number)
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


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation [channels or features], the latter never zero."""
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    mean, std = x.mean(axes, dtype=np.float64), x.std(axes, dtype=np.float64)
    return mean, np.where(std > 0, std, 1.0)
