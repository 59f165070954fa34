"""Notebooks: their code is checked, and a finding names the cell and the line of the file."""

from __future__ import annotations

import json

import pytest
from checking import check

from mlpo_cli.check.engine import check_data
from mlpo_cli.check.fix import apply_fixes, choose_fixes
from mlpo_cli.check.notebook import mask_commands, read_notebook

HEAD = ["from metaflow import current, step\n", "import os"]
CALL = "current.card.append('é')"


def make_notebook(*cells: object, indent: int | None = 1, ascii: bool = False) -> str:
    document = {
        "cells": [
            {"cell_type": "markdown", "source": ["# Title"]},
            *({"cell_type": "code", "outputs": [], "source": cell} for cell in cells),
        ],
        "metadata": {"kernelspec": {"language": "python"}},
        "nbformat": 4,
    }
    return json.dumps(document, indent=indent, ensure_ascii=ascii)


@pytest.mark.parametrize("ascii", [False, True])
def test_a_finding_names_the_cell_and_the_line_of_the_file(ascii):
    text = make_notebook(HEAD, ["%pip install x\n", "!ls\n", CALL], ascii=ascii)
    (finding,) = check(text, "a.ipynb").findings
    assert finding.where == "a.ipynb:cell 3:3:21"
    line = text.splitlines()[finding.place.line - 1]
    assert "current.card.append" in line


@pytest.mark.parametrize("cell", [[CALL], CALL, ["x = 1\n", f"{CALL}  # why\n", "y = 2"]])
def test_a_fix_changes_one_string_of_the_json_and_nothing_else(cell):
    text = make_notebook([*HEAD, "\n", "from metaflow.cards import Markdown"], cell)
    result = check(text, "a.ipynb")
    assert result.source is not None
    fixed, applied = apply_fixes(result.source, choose_fixes(result.findings, with_unsafe=False))
    assert applied == 1
    assert fixed == text.replace("append('é')", "append(Markdown('é'))")
    assert check(fixed, "a.ipynb").findings == ()


def test_a_cell_that_does_not_parse_hides_no_other_one():
    text = make_notebook(HEAD, ["this is no code"], [CALL])
    rules = [finding.rule for finding in check(text, "a.ipynb").findings]
    assert rules == ["MLP900", "MLP601"]


@pytest.mark.parametrize(
    ("cell", "masked"),
    [
        ("%time f()\nx", "0        \nx"),
        ("  !ls\n", "  0  \n"),
        ("x = !ls\n", "x = 0  \n"),
        ("df?", "0  "),
        ("!pip install \\\n  a \\\n  b\nx", "0             \n     \n   \nx"),
        ("  !ls \\\r\n  -l\r\nx", "  0    \r\n    \r\nx"),
        ("%pip install \\\n  a", "0             \n   "),
        ("x = !ls \\\n  -l\ny", "x = 0    \n    \ny"),
        ("!ls \\ \nx = 1", "0     \nx = 1"),
        ("pip install x\n", "             \n"),
        ("cd src", "      "),
        ("time = 3", "time = 3"),
        ("env += [1]", "env += [1]"),
        ("cat in animals", "cat in animals"),
        ("cd src\nx = 1", "cd src\nx = 1"),
        ("%%bash\necho x\n", "      \n      \n"),
        ("%%time\nf()\n", "0     \nf()\n"),
        ("x = (a\n     % b)", "x = (a\n     % b)"),
        ("y = a % b", "y = a % b"),
    ],
)
def test_commands_of_ipython_are_masked_and_code_is_not(cell, masked):
    assert mask_commands(cell) == masked


def test_a_notebook_of_another_language_is_not_read():
    text = make_notebook(HEAD, [CALL]).replace('"python"', '"julia"')
    assert read_notebook(text.encode(), "a.ipynb").text == ""


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1, 2]", '{"cells": 3}', '{"cells": [{"cell_type": "code", "source": [1]}]}',
     '{"cells": [null, 1]}', "[" * 100_000, '{"metadata": []}', '{"a": 1' + "0" * 5000 + "}"],
)  # fmt: skip
def test_a_broken_notebook_is_a_finding_or_nothing(text):
    result = check_data(text.encode() + b" \nkfp", "a.ipynb", "notebook")
    assert {finding.rule for finding in result.findings} <= {"MLP900"}
