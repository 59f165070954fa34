"""One description: what the validator takes is what the published schema allows."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import IDS, RULES, all_answers, answer_to, some_answers, some_weights

from mlpo_cli.answers import stdlib
from mlpo_cli.answers.kinds import Choice
from mlpo_cli.answers.project import list_settings
from mlpo_cli.answers.schema import build
from mlpo_cli.answers.validate import validate
from mlpo_cli.commands.schema import schema
from mlpo_cli.yamlmap import parse_yaml

SCHEMA = build(RULES)
ORCHESTRATORS = [o.id for o in RULES.orchestrators]
CHECKED_IN = Path(__file__).parents[2] / "docs" / "answers.schema.json"


def agrees(document):
    """Whether both take the document, or both refuse it."""
    text = json.dumps(document)
    accepted = not validate(parse_yaml(text, "x.json"), RULES, ORCHESTRATORS)[1]
    document = json.loads(text)  # several choices are a tuple in mlpo, a list in a document
    assert accepted == jsonschema.Draft7Validator(SCHEMA).is_valid(document), document
    return accepted


def test_the_checked_in_schema_is_the_one_of_the_rules(capsys):
    schema()
    printed = capsys.readouterr().out
    assert CHECKED_IN.read_text(encoding="utf-8") == printed, "make docs"
    jsonschema.Draft7Validator.check_schema(json.loads(printed))


def test_each_criterion_choice_and_setting_is_in_the_schema():
    criteria = SCHEMA["properties"]["criteria"]["properties"]
    assert list(criteria) == IDS
    for criterion in RULES.criteria:
        kind = criteria[criterion.id]["anyOf"][0]
        if criterion.choices:
            assert kind["enum"] == list(criterion.choices)
        else:
            assert (kind["minimum"], kind["maximum"]) == (criterion.minimum, criterion.maximum)
    assert list(SCHEMA["properties"]["overrides"]["properties"]["weights"]["properties"]) == IDS


# JSON Schema takes 8.0 for an integer; mlpo wants 8. Whole floats are left out for that reason.
floats = st.floats(allow_nan=False, allow_infinity=False, width=32).filter(
    lambda x: not x.is_integer()
)
scalars = st.none() | st.booleans() | st.integers(-5, 200_000) | floats | st.text(max_size=8)
names = st.from_regex(r"\A[A-Za-z.][A-Za-z0-9._-]{0,12}\Z") | st.sampled_from(
    [
        "class",
        "json",
        "kit",
        "con",
        "NUL.txt",
        "a..b",
        "my-project",
        "a\n",
        "x" * 65,
        "tomllib",
        "fsspec",
        "flow",
    ]
)
odd = scalars | names | st.lists(scalars, max_size=2) | st.dictionaries(st.text(), scalars)
projects = st.fixed_dictionaries(
    {},
    optional={
        "name": names | odd,
        "package": names | odd,
        "orchestrator": st.sampled_from([*ORCHESTRATORS, None, "flyte"]),
        "data_source": st.sampled_from(["digits", "table", None, "csv"]),
        "ci": st.sampled_from(["github", "none", None, 1]),
    },
)
near = st.fixed_dictionaries(
    {},
    optional={
        "schema_version": st.sampled_from([1, 1, 1, 2, "1", None, True]),
        "criteria": some_answers() | all_answers() | st.dictionaries(st.sampled_from(IDS), odd),
        "project": projects,
        "overrides": st.fixed_dictionaries({}, optional={"weights": some_weights() | odd}) | odd,
        "extra": st.nothing() | odd,
    },
)


@pytest.mark.slow
@settings(max_examples=600)
@given(near | odd)
@example({"schema_version": 1})
@example({"schema_version": 1, "criteria": None, "project": None, "overrides": None})
@example({"schema_version": 1, "overrides": {"weights": {"cloud": 100.5}}})
@example({"schema_version": 1, "project": {"name": "a\n"}})
def test_schema_and_validator_agree_on_any_document(document):
    agrees(document)


@pytest.mark.slow
@settings(max_examples=100)
@given(some_answers(), st.sampled_from(IDS), st.data())
def test_they_agree_next_to_a_valid_document(answers, id, data):
    valid = {"schema_version": 1, "criteria": answers}
    agrees(valid)
    other = data.draw(odd | answer_to(RULES.criterion(id)))
    agrees({"schema_version": 1, "criteria": {**answers, id: other}})


lists_of_choices = st.lists(st.sampled_from([*RULES.criterion("compliance").choices, "x", None]))


@settings(max_examples=200)
@given(lists_of_choices)
@example([])
@example(["none"])
@example(["none", "lineage"])
@example(["lineage", "lineage"])
def test_they_agree_on_a_list_of_choices(choices):
    agrees({"schema_version": 1, "criteria": {"compliance": choices}})


def test_a_contradiction_holds_for_a_list_with_one_of_its_choices():
    criteria = [replace(c, several=c.id == "existing_platform") for c in RULES.criteria]
    rules = replace(RULES, criteria=tuple(criteria))
    valid = jsonschema.Draft7Validator(build(rules)).is_valid
    for platforms in (["kubeflow", "airflow"], ["kubeflow"], "kubeflow", ["argo", "slurm"]):
        answers = {"existing_kubernetes": "none", "existing_platform": platforms}
        document = {"schema_version": 1, "criteria": answers}
        mapped = parse_yaml(json.dumps(document), "x.json")
        accepted = not validate(mapped, rules, ORCHESTRATORS)[1]
        assert accepted == valid(document) == ("kubeflow" not in platforms)


@pytest.mark.parametrize("contradiction", RULES.contradictions, ids=lambda c: c.id)
def test_each_contradiction_is_refused_by_both_and_each_half_is_fine(contradiction):
    answers = {id: sorted(fitting)[0] for id, fitting in contradiction.when.met.items()}
    assert not agrees({"schema_version": 1, "criteria": answers})
    for id in answers:
        rest = {other: answer for other, answer in answers.items() if other != id}
        assert agrees({"schema_version": 1, "criteria": rest})
        assert agrees({"schema_version": 1, "criteria": {**rest, id: None}})


def test_a_contradiction_names_both_lines_and_says_why():
    text = (
        "schema_version: 1\ncriteria:\n  existing_platform: kubeflow\n  existing_kubernetes: none\n"
    )
    (problem,) = validate(parse_yaml(text, "t.yaml"), RULES, ())[1]
    assert problem.where == "t.yaml:4"
    assert "t.yaml:3" in problem.what
    assert "Kubeflow runs on Kubernetes" in problem.what


def test_every_module_of_this_pythons_library_is_reserved():
    """The list is our own, so that one schema serves every Python; a new Python may add to it."""
    public = {name for name in sys.stdlib_module_names if name[0].islower()}
    assert public <= stdlib.NAMES


def test_each_setting_of_the_project_is_in_the_schema_with_its_choices():
    properties = SCHEMA["properties"]["project"]["properties"]
    assert list(properties) == [setting.key for setting in list_settings()]
    for setting in list_settings(ORCHESTRATORS):
        published = properties[setting.key]
        assert (published["description"], published.get("default")) == (
            setting.help,
            setting.default,
        )
        if isinstance(setting.kind, Choice):
            assert published["anyOf"][0]["enum"] == list(setting.kind.texts)
