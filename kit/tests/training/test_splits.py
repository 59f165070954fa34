"""Splits: duplicates, moments for any size of the parts, and problems in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpo_kit.errors import PipelineError
from mlpo_kit.store import arrays as arrays_module
from mlpo_kit.training import checks
from mlpo_kit.training.splits import (
    Split,
    find_first_copies,
    measure_moments,
    open_splits,
    save_splits,
)

CLASSES = ["a", "b"]
Splits = dict[str, Split]


def make_good_splits() -> Splits:
    """Rows that lie about in the dataset, as after a split."""
    random = np.random.default_rng(0)
    x = random.normal(size=(100, 4)).astype(np.float32)
    y = np.arange(100) % 2
    evens, odds = (random.permutation(np.arange(first, 100, 2)) for first in (0, 1))
    ends = {"train": (0, 30), "val": (30, 40), "test": (40, 50)}
    rows = {name: np.concatenate([evens[a:b], odds[a:b]]) for name, (a, b) in ends.items()}
    return {name: Split(x, y, numbers) for name, numbers in rows.items()}


def find_problems(splits: Splits, **limits: Any) -> str:
    def find() -> Iterator[str]:
        yield from checks.find_value_problems(splits, 0.05, limits.get("value_range"))
        yield from checks.find_balance_problems(splits, CLASSES, 20, 10)
        yield from checks.find_leakage(splits)

    return "\n".join(find())


def test_the_first_of_several_copies_is_kept() -> None:
    x = np.repeat(np.arange(200)[:, None], 2, axis=1)
    x[150:] = x[:50]
    assert find_first_copies(x).tolist() == list(range(150))


def test_a_constant_feature_does_not_divide_by_zero() -> None:
    mean, std = measure_moments(np.ones((5, 3)), np.arange(5))
    assert mean.tolist() == [1, 1, 1]
    assert std.tolist() == [1, 1, 1]


def test_moments_do_not_depend_on_the_size_of_the_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 4), dtype=np.uint8)
    rows = np.arange(0, 50, 3)
    monkeypatch.setattr(arrays_module, "PIECE", 7 * x[0].nbytes)
    mean, std = measure_moments(x, rows)
    assert mean == pytest.approx(x[rows].mean((0, 2, 3)))
    assert std == pytest.approx(x[rows].std((0, 2, 3)))


def test_good_data_passes() -> None:
    good = make_good_splits()
    assert find_problems(good) == ""
    assert [*checks.find_empty_splits(good), *checks.find_label_problems(good, CLASSES)] == []


def test_missing_values_are_found_with_their_column() -> None:
    splits = make_good_splits()
    train = splits["train"]
    train.all_samples[train.rows[5], 2] = np.nan
    words = "train has 1 missing or infinite values in 1 rows, first in columns [2]"
    assert words in find_problems(splits)


def test_samples_in_two_splits_are_found() -> None:
    splits = make_good_splits()
    train, test = splits["train"], splits["test"]
    test.all_samples[test.rows[:3]] = train.read_samples(slice(3))
    assert "3 samples are in both train and test" in find_problems(splits)
    rows = np.concatenate([test.rows, train.rows[-1:]])  # one row, dealt out twice
    splits["test"] = Split(test.all_samples, test.all_targets, rows)
    assert "4 samples are in both train and test" in find_problems(splits)


def test_a_rare_class_is_found() -> None:
    splits = make_good_splits()
    train = splits["train"]
    train.all_targets[train.rows] = 0
    train.all_targets[train.rows[0]] = 1
    found = find_problems(splits)
    assert "class 'b' has 1 training samples; at least 20" in found
    assert "more than 10 times as many" in found


def test_a_class_without_test_rows_is_found() -> None:
    splits = make_good_splits()
    splits["test"].all_targets[splits["test"].rows] = 0
    assert "test has no sample of b" in find_problems(splits)


def test_blank_samples_are_found() -> None:
    splits = make_good_splits()
    splits["val"].all_samples[splits["val"].rows[:10]] = np.arange(10)[:, None]
    assert "50% of the samples in val are blank" in find_problems(splits)


def test_values_out_of_range_are_found() -> None:
    assert "value_range allows 0 to 1" in find_problems(make_good_splits(), value_range=(0, 1))


def test_a_split_without_rows_and_a_label_without_a_class_are_found() -> None:
    splits = make_good_splits()
    test = splits["test"]
    test.all_targets[test.rows[0]] = 7
    splits["val"] = Split(test.all_samples, test.all_targets, test.rows[:0])
    (empty,) = checks.find_empty_splits(splits)
    (labels,) = checks.find_label_problems(splits, CLASSES)
    assert empty == "val has no rows"
    assert labels.startswith("test has labels from 0 to 7; there are 2 classes")
    assert next(checks.find_label_problems(splits, ["a"])).startswith("there must be at least 2")


def test_the_checks_read_large_data_a_part_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    splits = make_good_splits()
    expected = find_problems(splits, value_range=(0, 1))
    sizes: list[int] = []
    read = Split.read_samples

    def watch(split: Split, part: Any) -> np.ndarray:
        sizes.append(len(found := read(split, part)))
        return found

    monkeypatch.setattr(Split, "read_samples", watch)
    monkeypatch.setattr(arrays_module, "PIECE", 7 * splits["train"].all_samples[0].nbytes)
    assert find_problems(splits, value_range=(0, 1)) == expected
    assert max(sizes) == 7
    assert sum(sizes) == 2 * 100


def save(folder: Path, x: np.ndarray, **rows: list[int]) -> tuple[Path, Path]:
    """The files of a dataset and of its splits."""
    dataset, splits = folder / "dataset.safetensors", folder / "splits.safetensors"
    arrays_module.save_arrays(dataset, {"x": x, "y": np.arange(len(x))}, {})
    save_splits(splits, {name: np.array(r, np.int64) for name, r in rows.items()}, {"mean": 2})
    return dataset, splits


def test_a_split_reads_its_rows_from_the_dataset(tmp_path: Path) -> None:
    x = np.arange(20, dtype=np.float32).reshape(10, 2)
    files = save(tmp_path, x, train=[8, 1, 5], test=[0], none=[])
    opened, note = open_splits(*files)
    assert note == {"mean": 2}
    assert list(opened) == ["none", "test", "train"]
    train = opened["train"]
    assert isinstance(train.all_samples, np.memmap)
    assert (len(train), train.shape, train.nbytes) == (3, (2,), 24)
    assert train.targets.tolist() == [8, 1, 5]
    assert train.read_samples().tolist() == x[[8, 1, 5]].tolist()
    assert train.read_samples(slice(1, 9)).tolist() == x[[1, 5]].tolist()
    assert train.read_samples(np.array([2, 0])).tolist() == x[[5, 8]].tolist()
    assert type(train.read_samples(slice(1))) is np.ndarray
    assert len(opened["none"]) == len(opened["none"].read_samples()) == 0


def test_splits_of_another_dataset_are_an_error(tmp_path: Path) -> None:
    x = np.zeros((4, 2), np.float32)
    with pytest.raises(PipelineError, match="row numbers from 1 to 4, but the dataset has 4 rows"):
        open_splits(*save(tmp_path, x, train=[1, 4]))
    with pytest.raises(PipelineError, match="row numbers from -1 to 1"):
        open_splits(*save(tmp_path, x, train=[-1, 1]))
    dataset, splits = save(tmp_path, x, train=[1])
    arrays_module.save_arrays(splits, {"train_x": x}, {})
    with pytest.raises(
        PipelineError, match=r"train_x in splits\.safetensors does not hold row numbers"
    ):
        open_splits(dataset, splits)
    arrays_module.save_arrays(dataset, {"x": x, "y": np.arange(3)}, {})
    with pytest.raises(PipelineError, match="4 samples in x and 3 targets in y"):
        open_splits(dataset, splits)
    arrays_module.save_arrays(dataset, {"x": x}, {})
    with pytest.raises(PipelineError, match="has no array y"):
        open_splits(dataset, splits)
