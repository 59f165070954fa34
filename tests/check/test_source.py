"""Bytes become text with the encoding that they declare, and positions lead back to it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_cli.check.engine import check_data
from mlpo_cli.check.source import Source, UnreadableError, decode

CALL = "from metaflow import current\ncurrent.card.append('é')\n"


@pytest.mark.parametrize(
    "data",
    [
        CALL.encode(),
        b"\xef\xbb\xbf" + CALL.encode(),
        ("# coding: latin-1\n" + CALL).encode("latin-1"),
        ("# -*- coding: cp1252 -*-\n" + CALL).encode("cp1252"),
        CALL.replace("\n", "\r\n").encode(),
        CALL.replace("\n", "\r").encode(),
    ],
)
def test_every_encoding_that_python_reads_is_read(data):
    (finding,) = check_data(data, "x.py", "python").findings
    assert finding.rule == "MLP601"
    assert finding.code == "current.card.append('é')"
    assert finding.place.column == 21


@pytest.mark.parametrize(
    "data",
    [
        b"import kfp\nx = '\xff'\n",
        b"# coding: no-such\nimport kfp",
        b"# coding: rot13\nimport kfp",
        b"# coding: hex\nimport kfp",
        b"# coding: utf-16\nimport kfp",
        b"\xef\xbb\xbf# coding: latin-1\nimport kfp",
        b"import kfp\n\0",
        "import kfp".encode("utf-16") + b"kfp",
    ],
)
def test_what_python_does_not_read_is_a_finding(data):
    assert [f.rule for f in check_data(data, "x.py", "python").findings] == ["MLP900"]


def test_a_coding_that_is_no_text_encoding_is_refused():
    with pytest.raises(UnreadableError):
        decode(b"# coding: rot13\nx", "python")


@given(
    st.lists(st.sampled_from(["x", "é", "😀", "\n", "\r\n", "\r", "\f", "\u2028", " "])).map(
        "".join
    )
)
def test_positions_lead_back_to_their_offset(text):
    source = Source("x.py", text, "python")
    for offset in range(len(text) + 1):
        line, column = source.find_position(offset)
        before = text[source.line_starts[line - 1] : offset]
        assert len(before) == column - 1
        if "\r" not in before:
            assert source.find_offset(line, len(before.encode())) == offset


def test_positions_of_the_syntax_tree_are_those_of_the_text():
    text = "é = '😀'; name = 1\r\n\f\rother = name\n"
    source = Source("x.py", text, "python")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            assert text[source.find_offset(node.lineno, node.col_offset) :].startswith(node.id)
