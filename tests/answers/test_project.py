"""A project or package name that would hurt later is refused now, with the reason."""

from __future__ import annotations

import pytest

from mlpo_cli.answers.project import check, derive_package, settle, shown


@pytest.mark.parametrize("name", ["a", "my-project", "My_Project.v2", "x" * 64])
def test_usual_names_are_fine(name):
    assert check("name", name, ()) is None


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
    assert check("name", name, ()) is not None


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("class", "keyword"),
        ("None", "will not do"),
        ("json", "standard library"),
        ("metaflow", "itself uses"),
        ("tests", "itself uses"),
        ("my-package", "will not do"),
        ("_private", "will not do"),
        ("flow", "itself uses"),
        ("x" * 41, "will not do"),
        ("Été", "will not do"),
        ("a\n", "will not do"),
    ],
)
def test_packages_that_would_break_imports_are_refused(package, reason):
    refusal = check("package", package, ())
    assert refusal is not None
    assert reason in refusal[0]
    assert refusal[1]


def test_choices_name_what_is_possible():
    assert check("orchestrator", "kubeflow", ("metaflow",)) == (
        "'kubeflow' is not known",
        "use one of: metaflow",
    )
    assert check("data_source", "images", ()) is None
    assert check("ci", 3, ()) == ("it must be text", "put it in quotes")


def test_options_beat_the_file_and_the_file_beats_defaults():
    merged, missing = settle({"name": "a", "ci": "none"}, {"name": "My-Project.v2"})
    assert missing == []
    assert merged == {
        "name": "My-Project.v2",
        "package": "my_project_v2",
        "data_source": "digits",
        "ci": "none",
    }


def test_a_missing_name_is_said():
    (problem,) = settle({}, {"ci": "none"})[1]
    assert "no name" in problem.what


def test_a_name_without_a_usable_package_asks_for_one():
    (problem,) = settle({}, {"name": "torch"})[1]
    assert "no package name follows" in problem.what
    assert "--package" in problem.fix
    assert settle({}, {"name": "torch", "package": "my_torch"})[1] == []


def test_derived_packages_are_lower_case_words():
    assert derive_package("My Fraud-Model.v2") == "my_fraud_model_v2"


def test_shown_values_are_short_and_plain():
    assert shown("x" * 500).endswith("...")
    assert shown("\x1b[31m") == "'\\x1b[31m'"
    assert (shown(None), shown(True), shown([1]), shown({})) == (
        "null", "true", "a list", "a mapping",
    )  # fmt: skip
