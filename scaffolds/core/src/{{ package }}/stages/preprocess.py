"""Drop copies, split the rows into train, val and test, and measure mean and deviation."""

from __future__ import annotations

import logging

import numpy as np
from mlpo_kit import Ref, Workspace
from mlpo_kit.store.arrays import load_note, map_arrays
from mlpo_kit.training.splits import find_first_copies, measure_moments, save_splits

from ..settings import PreprocessSettings
from . import Preprocessed

log = logging.getLogger(__name__)


def preprocess(settings: PreprocessSettings, work: Workspace, dataset: Ref) -> Preprocessed:
    """Write the row numbers of each split, with a note of the classes and the training moments.

    The samples stay in the file that `ingest` wrote: pixels stay bytes, and the device normalises
    them. To transform samples, write another file and return its reference.

    The split is stratified by class and only depends on the seed. Of rows with the same content
    only the first is kept, so that no test row is seen in training.
    """
    path = work.open(dataset)
    arrays, classes = map_arrays(path), load_note(path)["classes"]
    x, y = arrays["x"], arrays["y"]
    kept = find_first_copies(x)
    splits = split(y, kept, settings)
    mean, std = measure_moments(x, splits["train"])
    note = {"classes": classes, "mean": mean.tolist(), "std": std.tolist()}
    save_splits(work.path("splits.safetensors"), splits, note)
    sizes = {name: len(rows) for name, rows in splits.items()}
    log.info("split into %s, dropped %d copies", sizes, len(y) - len(kept))
    return Preprocessed(dataset, work.ref("splits.safetensors"), sizes, len(y) - len(kept))


def split(y: np.ndarray, rows: np.ndarray, settings: PreprocessSettings) -> dict[str, np.ndarray]:
    """Split the rows of each class into train, val and test by their shares."""
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
