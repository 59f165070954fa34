"""Clean splits: copies found, moments right however the rows are cut, problems said in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mlpo_kit.store import arrays as arrays_module
from mlpo_kit.training import checks
from mlpo_kit.training.splits import find_first_copies, measure_moments

CLASSES = ["a", "b"]


def make_good_splits() -> dict[str, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    y = np.arange(100) % 2
    ends = {"train": (0, 60), "val": (60, 80), "test": (80, 100)}
    arrays = {f"{name}_x": x[a:b].copy() for name, (a, b) in ends.items()}
    return arrays | {f"{name}_y": y[a:b].copy() for name, (a, b) in ends.items()}


def find_problems(arrays: dict[str, np.ndarray], **limits: Any) -> str:
    def find() -> Iterator[str]:
        yield from checks.find_value_problems(arrays, 0.05, limits.get("value_range"))
        yield from checks.find_balance_problems(arrays, CLASSES, 20, 10)
        yield from checks.find_leakage(arrays)

    return "\n".join(find())


def test_of_copies_the_first_is_left() -> None:
    x = np.repeat(np.arange(200)[:, None], 2, axis=1)
    x[150:] = x[:50]
    assert find_first_copies(x).tolist() == list(range(150))


def test_a_constant_feature_does_not_divide_by_zero() -> None:
    mean, std = measure_moments(np.ones((5, 3)), np.arange(5))
    assert mean.tolist() == [1, 1, 1]
    assert std.tolist() == [1, 1, 1]


def test_moments_are_of_the_named_rows_however_they_are_cut(
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
    assert [*checks.find_shape_problems(good), *checks.find_label_problems(good, CLASSES)] == []


def test_missing_values_are_found_with_their_column() -> None:
    arrays = make_good_splits()
    arrays["train_x"][5, 2] = np.nan
    words = "train has 1 missing or infinite values in 1 rows, first in columns [2]"
    assert words in find_problems(arrays)


def test_samples_in_two_splits_are_found() -> None:
    arrays = make_good_splits()
    arrays["test_x"][:3] = arrays["train_x"][:3]
    assert "3 samples are in both train and test" in find_problems(arrays)


def test_a_rare_class_is_found() -> None:
    arrays = make_good_splits()
    arrays["train_y"][:] = 0
    arrays["train_y"][0] = 1
    found = find_problems(arrays)
    assert "class 'b' has 1 training samples; at least 20" in found
    assert "more than 10 times as many" in found


def test_a_class_without_test_rows_is_found() -> None:
    arrays = make_good_splits()
    arrays["test_y"][:] = 0
    assert "test has no sample of b" in find_problems(arrays)


def test_blank_samples_are_found() -> None:
    arrays = make_good_splits()
    arrays["val_x"][:10] = np.arange(10)[:, None]
    assert "50% of the samples in val are blank" in find_problems(arrays)


def test_values_out_of_range_are_found() -> None:
    assert "value_range allows 0 to 1" in find_problems(make_good_splits(), value_range=(0, 1))


def test_a_wrong_schema_is_found() -> None:
    arrays = make_good_splits()
    arrays["val_x"] = arrays["val_x"][:, :3]
    arrays["test_y"][0] = 7
    (shape,) = checks.find_shape_problems(arrays)
    (labels,) = checks.find_label_problems(arrays, CLASSES)
    assert shape == "val samples are (3,), train's are (4,)"
    assert labels == "test has labels from 0 to 7; there are 2 classes"
    assert next(checks.find_label_problems(arrays, ["a"])).startswith("there must be at least 2")
