"""Code for a newer Python is read with all positions, and old Pythons are told from new ones."""

from __future__ import annotations

import ast
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlpo_cli.check.parse import RUNNING, parse
from mlpo_cli.check.repair import repair
from mlpo_cli.check.scan import scan
from mlpo_cli.check.source import Source

NEW = [
    ('print(f"{row["key"]:.4f} and {x}", end)', (3, 12)),
    ('x = "a" f"{row["k"]}" \'b\'', (3, 12)),
    ('x = (f"{a["b"]}"\n     "tail" f"{c}")', (3, 12)),
    ("x = f'{f'{f'{1}'}'}'", (3, 12)),
    ("x = f'{\", \".join(a) + '\\n'}'", (3, 12)),
    ("x = f'''{\n a  # why\n}'''", (3, 12)),
    ('x = f"{a["b"]!r:>{w["c"]}} {y=}"', (3, 12)),
    ('def f():\n    return f"{\n        a\n    }"', (3, 12)),
    ("try:\n    f()\nexcept* ValueError:\n    pass", (3, 11)),
    ("type Pair[T] = tuple[T, T]\nx = 1", (3, 12)),
    ("def first[T](items: list[T]) -> T:\n    return items[0]", (3, 12)),
    ("class Box[T: int]:\n    pass", (3, 12)),
    ("try:\n    f()\nexcept ValueError, TypeError:\n    pass", (3, 14)),
    ('x = t"{name}"', (3, 14)),
    ("lazy import json\nlazy from kfp import dsl", (3, 15)),
]


def make_source(text: str) -> Source:
    return Source("x.py", text, "python")


@pytest.mark.parametrize(("text", "needs"), NEW)
def test_code_for_a_newer_python_is_read_and_its_python_is_named(text, needs):
    parsed = parse(make_source(text), target=(3, 10))
    assert parsed.tree is not None
    assert parsed.refusal is not None
    assert parsed.refusal.needs == needs
    assert parse(make_source(text), target=max(needs, RUNNING)).refusal is None


@pytest.mark.parametrize(("text", "needs"), NEW)
def test_a_repair_is_as_long_as_the_code_and_every_name_stays_in_its_place(text, needs):
    repaired = repair(text)
    assert repaired is not None
    assert len(repaired.text) == len(text)
    assert repaired.text.count("\n") == text.count("\n")
    source = make_source(text)
    tree = parse(source, target=needs).tree
    assert tree is not None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            start = source.find_offset(node.lineno, node.col_offset)
            assert text[start:].startswith(node.id)


def test_a_new_f_string_is_an_f_string_in_the_tree():
    text = 'äöü = "ü" f"{row["key"]:.4f} of {n}" + ""'
    tree = parse(make_source(text), target=(3, 12)).tree
    assert tree is not None
    (joined,) = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)][:1]
    names = [n.id for n in ast.walk(joined) if isinstance(n, ast.Name)]
    assert sorted(names) == ["n", "row"]
    texts = [part.value for part in joined.values if isinstance(part, ast.Constant)]
    assert texts[0].startswith("ü")


def test_what_no_python_reads_is_refused_at_its_place():
    parsed = parse(make_source("x = 1\nprint 'hello'\n"))
    assert parsed.tree is None
    assert parsed.refusal is not None
    assert parsed.refusal.needs is None
    assert parsed.refusal.offset == 6


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    f()\nexcept ValueError, error:\n    print error",
        "default[0] = (1",
        'x = f"{"',
        "type = 3\ntype[0] = (",
    ],
)
def test_other_mistakes_are_not_taken_for_new_grammar(text):
    assert parse(make_source(text)).tree is None


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("match x:\n    case 1:\n        pass", (3, 10)),
        ("if (n := f()):\n    pass", (3, 8)),
    ],
)
def test_an_older_target_refuses_what_this_python_reads(text, needs):
    parsed = parse(make_source(text), target=(3, 7))
    assert parsed.tree is not None
    assert parsed.refusal is not None
    assert parsed.refusal.needs == needs


WORDS = st.sampled_from(
    [
        "f",
        '"',
        "'",
        '"""',
        "'''",
        "{",
        "}",
        "x",
        ":",
        "!r",
        "=",
        "\\",
        "\n",
        "#",
        " ",
        "rf",
        "(",
        ")",
    ]
)


@given(st.lists(WORDS, max_size=40).map("".join))
@example("f'{'\n'''")
def test_strings_and_comments_are_ranges_of_the_text_in_order(text):
    scanned = scan(text)
    for group in scanned.groups:
        for string in group:
            assert 0 <= string.start < string.end <= len(text)
            for piece in string.pieces:
                assert string.start <= piece.start <= piece.end <= string.end
    repaired = repair(text)
    assert repaired is None or len(repaired.text) == len(text)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="its tokenizer knows these f-strings")
@pytest.mark.parametrize("text", [text for text, needs in NEW if needs <= (3, 12)])
def test_the_repair_gives_the_names_that_python_gives(text):
    repaired = repair(text)
    assert repaired is not None
    ours, theirs = ast.parse(repaired.text), ast.parse(text)
    places = [
        sorted((n.lineno, n.col_offset, n.id) for n in ast.walk(tree) if isinstance(n, ast.Name))
        for tree in (ours, theirs)
    ]
    kept = [place for place in places[1] if place in places[0]]
    assert places[0] == kept or "type" in text
