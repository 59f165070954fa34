"""A project or package name that would hurt later is refused now, with the reason."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from mlpo_cli.answers.kinds import Choice, quote
from mlpo_cli.answers.project import (
    DEFAULTS,
    ProjectSettings,
    check,
    complete_settings,
    derive_package,
    list_settings,
)


@pytest.mark.parametrize("name", ["a", "my-project", "My_Project.v2", "x" * 64])
def test_usual_names_are_fine(name):
    assert check("name", name) is None


@pytest.mark.parametrize(
    "name",
    [
        "", " ", ".", "..", "a/b", "../a", "a\\b", "/abs", "-rf", "1a", "a..b", "a.", "a-",
        "x" * 65,
        "{{ 7 * 7 }}", "$(id)", "a;b", "a\nb", "a\n", "naïve", "\uff41", "a\u202eb", "a b",
        "con", "NUL", "aux.txt", "Com1", "lpt9",
    ],
)  # fmt: skip
def test_dangerous_names_are_refused(name):
    assert check("name", name) is not None


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("class", "keyword"),
        ("None", "cannot be"),
        ("json", "standard library"),
        ("test", "standard library"),
        ("metaflow", "project uses"),
        ("fsspec", "project uses"),  # the library imports it
        ("pynvml", "project uses"),
        ("nvidia", "project uses"),  # only where there is a GPU
        ("pandas", "project uses"),  # scikit-learn takes any module of that name for the real one
        ("tests", "project uses"),
        ("conftest", "project uses"),
        ("my-package", "cannot be"),
        ("_private", "cannot be"),
        ("flow", "project uses"),
        ("x" * 41, "cannot be"),
        ("Été", "cannot be"),
        ("a\n", "cannot be"),
    ],
)
def test_packages_that_would_break_imports_are_refused(package, reason):
    refusal = check("package", package)
    assert refusal is not None
    assert reason in refusal[0]
    assert refusal[1]


def test_choices_name_what_is_possible():
    assert check("orchestrator", "kubeflow", ("metaflow",)) == (
        "orchestrator cannot be 'kubeflow'",
        "use one of: metaflow",
    )
    assert check("data_source", "images") is None
    assert check("data_source", "image") == (
        "data_source cannot be 'image'",
        "did you mean images? use one of: digits, table, images",
    )
    assert check("ci", 3) == ("ci cannot be 3", "use one of: none, github")
    assert check("name", 3) == ("name must be text, not 3", "put it in quotes")


def test_every_default_is_valid():
    assert DEFAULTS
    assert {key: check(key, value) for key, value in DEFAULTS.items()} == dict.fromkeys(DEFAULTS)


def test_a_default_of_the_table_is_one_of_a_generated_project():
    settings = ProjectSettings("a", "a", "metaflow")
    for line in list_settings():
        if line.default is not None:
            assert getattr(settings, line.key) == line.default
        if isinstance(line.kind, Choice):
            assert all(line.kind.texts.values()), "each choice says what it means"


def test_the_day_of_the_decision_is_a_day_that_exists():
    days = [date(1900, 1, 1) + timedelta(days=n) for n in range(73049)]
    assert days[-1] == date(2099, 12, 31)
    assert {check("decided_on", day.isoformat()) for day in days} == {None}
    existing = {day.isoformat() for day in days}
    for year in (1900, 2000, 2023, 2024):
        for month in range(14):
            for day in range(33):
                text = f"{year}-{month:02}-{day:02}"
                assert (check("decided_on", text) is None) == (text in existing), text
    for value in ("29.11.2026", "2026-11-29T10:00", "2026-11-29\n", "1899-12-31", "today", 2026):
        assert check("decided_on", value), value
    assert check("decided_on", "29.11.2026") == (
        "decided_on cannot be '29.11.2026'",
        "a day as year-month-day, such as 2026-11-29",
    )


def test_defaults_are_added_to_what_is_given():
    complete, problems = complete_settings({"name": "My-Project.v2", "ci": "none"})
    assert problems == []
    assert complete == {
        **DEFAULTS,
        "name": "My-Project.v2",
        "package": "my_project_v2",
        "ci": "none",
    }


def test_a_missing_name_is_said():
    (problem,) = complete_settings({"ci": "none"})[1]
    assert "no name" in problem.what


def test_a_name_without_a_usable_package_asks_for_one():
    (problem,) = complete_settings({"name": "torch"})[1]
    assert "no valid package name" in problem.what
    assert "--package" in problem.fix
    assert complete_settings({"name": "torch", "package": "my_torch"})[1] == []


def test_derived_packages_are_lower_case_words():
    assert derive_package("My Fraud-Model.v2") == "my_fraud_model_v2"


def test_quoted_values_are_short_and_plain():
    assert quote("x" * 500).endswith("...")
    assert quote("\x1b[31m") == "'\\x1b[31m'"
    assert (quote(None), quote(True), quote([1]), quote({})) == (
        "null", "true", "a list", "a mapping",
    )  # fmt: skip
