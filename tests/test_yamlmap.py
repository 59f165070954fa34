"""Words stay words: the parser knows YAML 1.2 scalars and the line of each value."""

from __future__ import annotations

import pytest

from mlpo_cli.yamlmap import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ('"true"', "true"),
        ("2026-11-23", "2026-11-23"),
        ("1:30", "1:30"),
        ("010", 10),
        ("0x10", "0x10"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".nan", ".nan"),
        ("1_000", "1_000"),
        ("9" * 30, "9" * 30),
    ],
)
def test_scalars_are_what_they_look_like(text, value):
    found = parse_yaml(f"key: {text}", "f").data["key"]
    assert found == value
    assert type(found) is type(value)


def test_every_value_has_a_line_and_a_missing_one_the_line_around_it():
    document = parse_yaml("a:\n  - 1\n  - b: 2\nc: 3\n", "f")
    assert document.locate(("a", 1, "b")) == "f:3"
    assert document.locate(("c",)) == "f:4"
    assert document.locate(("a", "none")) == "f:1"


def test_duplicate_keys_are_a_problem_at_every_level():
    document = parse_yaml("a: {b: 1, b: 2}\na: 3\n", "f")
    assert [(p.where, p.what) for p in document.problems] == [
        ("f:1", "b is given twice"),
        ("f:2", "a is given twice"),
    ]


def test_a_syntax_error_at_the_end_names_the_last_line_and_not_one_after_it():
    (problem,) = parse_yaml("a: 1\nb: [1, 2\n\n", "f").problems
    assert problem.where == "f:2"


def test_too_many_values_are_refused():
    (problem,) = parse_yaml("[" + "1," * 60_000 + "1]", "f").problems
    assert "too many values" in problem.what
