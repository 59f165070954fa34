"""The table in pyproject.toml: what it changes, and that all of its problems come at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import find

from mlpo_cli.check.config import Config, read_config
from mlpo_cli.check.model import Severity
from mlpo_cli.check.parse import RUNNING

FILE = Path("/project/pyproject.toml")
HEAD = "[tool.mlpo.check]\n"


def read(text: str) -> Config:
    config, problems = read_config(HEAD + text, FILE)
    assert problems == []
    assert config is not None
    return config


def test_all_problems_are_found_at_once_each_with_its_line_and_a_fix():
    text = (
        "[project]\nname = 'x'\n[tool.mlpo.check]\nselekt = ['MLP201']\nselect = 'MLP201'\n"
        "ignore = ['MLP7777']\nseverity = 'high'\ntarget-version = '2.7'\nbaseline = 3\n"
        "[tool.mlpo.check.per-file-ignores]\n'tests/*' = ['NOPE']\n"
    )
    _, problems = read_config(text, FILE)
    lines = [int(problem.where.rpartition(":")[2]) for problem in problems]
    assert sorted(lines) == [4, 5, 6, 7, 8, 9, 11]
    assert all(problem.fix for problem in problems)
    assert "did you mean select?" in problems[0].fix


@pytest.mark.parametrize("text", ["[", "[tool.mlpo]\ncheck = 3\n"])
def test_what_is_no_table_is_a_problem(text):
    config, (problem,) = read_config(text, FILE)
    assert config is None
    assert problem.fix


def test_a_file_without_the_table_configures_nothing():
    assert read_config("[project]\nname = 'x'\n", FILE) == (None, [])


@pytest.mark.parametrize(
    ("globs", "path", "excluded"),
    [
        ("['old']", "a/old/x.py", True),
        ("['*_test.py']", "a/b_test.py", True),
        ("['a/b']", "a/b/c.py", True),
        ("['a/*.py']", "a/b.py", True),
        ("['b/']", "a/b/c.py", True),
        ("['b/c']", "a/b/c.py", False),
        ("['old']", "a/older/x.py", False),
    ],
)
def test_globs_mean_paths_below_the_folder_and_names_anywhere(globs, path, excluded):
    assert read(f"exclude = {globs}").excludes(FILE.parent / path) is excluded
    assert not read(f"exclude = {globs}").excludes(Path("/elsewhere") / path)


def test_rules_are_selected_by_the_beginnings_of_their_ids():
    image, card = find(
        "from metaflow import batch, current\nbatch(image='a')\ncurrent.card.append('x')\n"
    )
    file = FILE.parent / "demo" / "x.py"
    for text, selected in (
        ("", [True, True]),
        ("select = ['MLP4']", [True, False]),
        ("select = ['MLP4', 'mlp601']", [True, True]),
        ("ignore = ['MLP6']", [True, False]),
        ("per-file-ignores = { 'demo/*' = ['MLP405'] }", [False, True]),
        ("per-file-ignores = { 'test/*' = ['MLP'] }", [True, True]),
    ):
        config = read(text)
        assert [config.selects(finding, file) for finding in (image, card)] == selected
    assert read("severity = 'info'").severity is Severity.INFO


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("target-version = '3.11'", (3, 11)),
        ("[project]\nrequires-python = '>=3.10,<4'", (3, 10)),
        ("[project]\nrequires-python = '>= 3.9'", (3, 9)),
        ("[project]\nrequires-python = '>=2'", RUNNING),
        ("", RUNNING),
    ],
)
def test_the_target_is_what_the_project_says(text, target):
    assert read(text).target == target
