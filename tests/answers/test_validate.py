"""All problems of a document in one pass, each with its line and the fix."""

from __future__ import annotations

import json
import time

import pytest
from support import RULES

from mlpo_cli.answers.validate import validate
from mlpo_cli.errors import Problem
from mlpo_cli.yamlmap import parse_yaml


def check(text):
    return validate(parse_yaml(text, "team.yaml"), RULES, ("metaflow",))


def problems(text):
    return check(text)[1]


def test_a_good_document_has_no_problems_and_drops_what_is_not_sure():
    answered, found = check(
        "schema_version: 1\n"
        "criteria: {team_size: 8, cloud: null, existing_kubernetes: none}\n"
        "project: {name: my-project, orchestrator: null}\n"
        "overrides: {weights: {local_dev_need: 2.5}}\n"
    )
    assert found == []
    assert answered.criteria == {"team_size": 8, "existing_kubernetes": "none"}
    assert answered.project == {"name": "my-project"}
    assert answered.weights == {"local_dev_need": 2.5}


def test_json_is_read_as_well():
    document = {"schema_version": 1, "criteria": {"team_size": 8}}
    answered, found = check(json.dumps(document, indent=2))
    assert (answered.criteria, found) == ({"team_size": 8}, [])


def test_every_problem_is_found_at_once_with_its_line_and_its_fix():
    text = (
        "schema_version: 2\n"
        "criteria:\n"
        "  team_sze: 5\n"
        "  existing_kubernetes: yes\n"
        "  team_size: 0\n"
        "  cloud: awz\n"
        "  cloud: aws\n"
        "  local_dev_need: [must]\n"
        "project:\n"
        "  name: ../../etc\n"
        "  package: class\n"
        "  orchestrator: airflow\n"
        "overrides:\n"
        "  weights: {cloud: -1, tracking: .nan}\n"
        "polcy: {}\n"
    )
    assert problems(text) == [
        Problem("team.yaml:1", "schema_version 2 is not known", "write schema_version: 1"),
        Problem("team.yaml:3", "unknown key 'team_sze'", "did you mean team_size?"),
        Problem(
            "team.yaml:4",
            "existing_kubernetes cannot be 'yes'",
            "use one of: production, planned, none, or null for not sure",
        ),
        Problem(
            "team.yaml:5",
            "team_size must be a whole number from 1 to 100000, not 0",
            "write such a number, or null for not sure",
        ),
        Problem("team.yaml:7", "cloud is given twice", "keep one of them"),
        Problem(
            "team.yaml:8",
            "local_dev_need cannot be a list",
            "use one of: must, nice, not_needed, or null for not sure",
        ),
        Problem(
            "team.yaml:10",
            "name cannot be '../../etc'",
            "start with a letter, end with a letter or digit; between them letters, digits, "
            "'-', '_' and single dots; 64 characters at most",
        ),
        Problem(
            "team.yaml:11",
            "package cannot be 'class': that is a Python keyword",
            "choose another name",
        ),
        Problem("team.yaml:12", "orchestrator cannot be 'airflow'", "use one of: metaflow"),
        Problem(
            "team.yaml:14",
            "the weight of cloud must be a number from 0 to 100, not -1",
            "write such a number; 3 usually decides, 1 tips a close call, 0 is off",
        ),
        Problem(
            "team.yaml:14",
            "the weight of tracking must be a number from 0 to 100, not '.nan'",
            "write such a number; 3 usually decides, 1 tips a close call, 0 is off",
        ),
        Problem(
            "team.yaml:15",
            "unknown key 'polcy'",
            "use one of: schema_version, criteria, project, overrides",
        ),
    ]


def test_a_near_miss_of_a_choice_is_suggested():
    (problem,) = problems("schema_version: 1\ncriteria: {cloud: azur}\n")
    assert problem.fix.startswith("did you mean azure?")


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("lineage", "lineage"),
        ("[lineage]", "lineage"),
        ("[none]", "none"),
        ("[airgapped, lineage]", ("lineage", "airgapped")),
        ('["access_control"]', "access_control"),
    ],
)
def test_an_answer_may_be_several_choices_in_any_order(written, answer):
    answered, found = check(f"schema_version: 1\ncriteria: {{compliance: {written}}}\n")
    assert (answered.criteria, found) == ({"compliance": answer}, [])


def test_each_wrong_choice_of_several_has_its_line_and_its_fix():
    text = (
        "schema_version: 1\n"
        "criteria:\n"
        "  compliance:\n"
        "    - lineag\n"
        "    - airgapped\n"
        "    - none\n"
        "    - airgapped\n"
        "    - null\n"
        "    - [lineage]\n"
    )
    use = "use one or several of: none, lineage, access_control, airgapped"
    assert problems(text) == [
        Problem(
            "team.yaml:4", "compliance cannot include 'lineag'", f"did you mean lineage? {use}"
        ),
        Problem(
            "team.yaml:6",
            "compliance cannot include none together with other choices",
            "use none alone, or leave it out",
        ),
        Problem("team.yaml:7", "compliance has airgapped twice", "keep one of them"),
        Problem("team.yaml:8", "compliance cannot include null", use),
        Problem("team.yaml:9", "compliance cannot include a list", use),
    ]


@pytest.mark.parametrize(
    ("written", "what", "guess"),
    [
        ("[]", "an empty list", ""),
        ("airgaped", "'airgaped'", "did you mean airgapped? "),
        ("{lineage: true}", "a mapping", ""),
        ("3", "3", ""),
    ],
)
def test_what_is_neither_a_choice_nor_a_list_of_them_is_refused(written, what, guess):
    (problem,) = problems(f"schema_version: 1\ncriteria: {{compliance: {written}}}\n")
    assert problem.what == f"compliance cannot be {what}"
    assert problem.fix == (
        f"{guess}use one or several of: none, lineage, access_control, airgapped, or null for "
        "not sure"
    )


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["lineagee", "lineage", "[]"])
def test_a_long_list_of_choices_is_refused_quickly(entry):
    text = f"schema_version: 1\ncriteria: {{compliance: [{f'{entry}, ' * 20_000}]}}\n"
    started = time.perf_counter()
    assert len(problems(text)) >= 19_999
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("text", ["", "null", "- 1\n", "word", "42", "criteria: 3"])
def test_a_document_of_the_wrong_shape_is_a_problem_and_no_crash(text):
    assert problems(text)


@pytest.mark.parametrize("value", ["true", "8.0", '"8"', "1e3", "9" * 400, "-1", "[8]", "{a: 1}"])
def test_only_a_whole_number_in_range_is_a_team_size(value):
    (problem,) = problems(f"schema_version: 1\ncriteria: {{team_size: {value}}}\n")
    assert "whole number from 1 to 100000" in problem.what
    assert len(problem.what) < 160


def test_hostile_text_is_escaped_before_it_is_shown():
    (problem,) = problems('schema_version: 1\ncriteria: {cloud: "\\e[31mred\\u202e"}\n')
    assert "\x1b" not in problem.what
    assert "\u202e" not in problem.what


def test_a_document_that_is_all_wrong_is_refused_quickly():
    text = "schema_version: 1\ncriteria:\n" + "".join(f"  team_siz{n}: 1\n" for n in range(20_000))
    started = time.perf_counter()
    found = problems(text)
    assert len(found) == 20_000
    assert time.perf_counter() - started < 5
