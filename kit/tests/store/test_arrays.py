"""Arrays come back from a file as they were, and equal content makes equal bytes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlpo_kit.store.arrays import (
    create_arrays,
    hash_rows,
    load_note,
    make_scratch_array,
    map_arrays,
    save_arrays,
    split_rows,
)

TYPES = st.sampled_from(["uint8", "int64", "float32", "float64"])
ARRAYS = TYPES.flatmap(
    lambda kind: arrays.arrays(kind, arrays.array_shapes(max_dims=3, min_side=0))
)
NAMED = st.dictionaries(st.sampled_from(["x", "y", "train.x", "é"]), ARRAYS, min_size=1)


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=40)
@given(named=NAMED)
def test_arrays_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, named: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    note = {"classes": ["a", "b"], "shape": [1, 2]}
    save_arrays(folder / "one", named, note)
    save_arrays(folder / "two", dict(reversed(named.items())), dict(reversed(note.items())))
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()
    assert load_note(folder / "one") == note
    found = map_arrays(folder / "one")
    assert found.keys() == named.keys()
    for name, array in named.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_the_safetensors_library_reads_the_written_files(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    named = {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(3, dtype="uint8")}
    save_arrays(tmp_path / "file", named, {})
    for name, array in library.load_file(tmp_path / "file").items():
        np.testing.assert_array_equal(array, named[name])


def test_a_file_is_filled_piece_by_piece(tmp_path: Path) -> None:
    made = create_arrays(tmp_path / "file", {"x": ("float32", (5, 2))}, {})
    for part in split_rows(made["x"]):
        made["x"][part] = 1.5
    assert float(map_arrays(tmp_path / "file")["x"].sum()) == 15.0


@given(rows=st.integers(0, 2000), width=st.integers(0, 50_000))
def test_pieces_cover_all_rows_once(rows: int, width: int) -> None:
    array = np.broadcast_to(np.zeros((1, 1), "float64"), (rows, width))
    pieces = list(split_rows(array))
    assert sum(len(range(*piece.indices(rows))) for piece in pieces) == rows
    assert all(a.stop == b.start for a, b in pairwise(pieces))


def test_equal_rows_have_equal_hashes() -> None:
    rows = np.array([[1, 2], [2, 1], [1, 2]], dtype="int64")
    first, second, third = hash_rows(rows)
    assert first == third != second
    scratch = make_scratch_array((3, 2), "int64")
    scratch[:] = rows
    assert hash_rows(scratch) == [first, second, third]
