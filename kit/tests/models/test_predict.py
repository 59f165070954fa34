"""`make predict` shows rows of as many classes as possible."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import strategies as st

from mlpo_kit.models.predict import choose_rows


@given(st.lists(st.integers(0, 4), max_size=12), st.integers(0, 15))
def test_the_rows_to_show_are_of_as_many_classes_as_possible(truth: list[int], count: int) -> None:
    rows = choose_rows(np.asarray(truth, np.int64), count).tolist()
    assert rows == sorted(set(rows))
    assert len(rows) == min(count, len(truth))
    shown = Counter(truth[row] for row in rows)
    assert len(shown) == min(count, len(set(truth)))
    for name, number in Counter(
        truth
    ).items():  # no class has two rows more than one with rows left
        assert shown[name] == number or max(shown.values(), default=0) <= shown[name] + 1


@given(st.integers(2, 4))
def test_the_first_rows_of_each_class_are_chosen(repeats: int) -> None:
    truth = np.repeat([3, 1, 2], repeats)  # sorted by class, as folders of pictures are
    assert choose_rows(truth, 3).tolist() == [0, repeats, 2 * repeats]
