"""Code with the defects that tutorials copy from each other: all are found, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from checking import list_places

DATA = Path(__file__).parents[1] / "data" / "check"
EXPECTED = {
    "flow.py.txt": [("MLP405", 17), ("MLP601", 27), ("MLP103", 28), ("MLP405", 32)],
    "pipeline.py.txt": [("MLP205", 6), ("MLP602", 16), ("MLP201", 28), ("MLP202", 28)],
    # No import says which SDK these use.
    "fragment.py.txt": [],
}
NEEDS_PYTHON_3_12 = {"flow.py.txt": ("MLP900", 37)}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_defect_is_found_where_it_is(name):
    expected = list(EXPECTED[name])
    if name in NEEDS_PYTHON_3_12 and sys.version_info < (3, 12):
        expected.append(NEEDS_PYTHON_3_12[name])
    text = (DATA / name).read_text(encoding="utf-8")
    assert list_places(text, name.removesuffix(".txt")) == sorted(expected, key=lambda e: e[1])
