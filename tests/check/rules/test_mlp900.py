"""MLP900 says which Python reads a file, or that none does."""

from __future__ import annotations

import sys

import pytest
from checking import find

NEW = 'import kfp\nprint(f"{row["key"]}")\n'


def test_it_names_the_python_that_reads_the_file():
    (finding,) = find(NEW, target=(3, 10))
    assert finding.message.startswith("Python 3.10 does not parse it, Python 3.12 does: quotes")
    assert finding.advice == "Write it in another way, or require Python 3.12."
    assert finding.where == "pipeline.py:2:7"
    assert find(NEW, target=(3, 12)) == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python reads it")
def test_the_python_that_runs_mlpo_is_the_target():
    assert find(NEW) == []


def test_it_says_that_no_python_reads_a_file():
    (finding,) = find("import kfp\nx = = 1\n")
    assert finding.message.startswith("No Python reads it: invalid syntax")
    (finding,) = find("{ kfp", "x.ipynb")
    assert finding.message.startswith("It cannot be read: no valid JSON")
    assert finding.where == "x.ipynb:1:3"


def test_a_broken_file_that_uses_no_sdk_is_not_reported():
    assert find("x = = 1\n") == []
