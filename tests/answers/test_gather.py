"""An option beats a variable, that the file, that the default; each value knows its source."""

from __future__ import annotations

import shlex
from itertools import pairwise

import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import IDS, RULES, some_answers, some_weights

from mlpo_cli.answers.gather import Origin, gather
from mlpo_cli.answers.save import as_json, as_yaml, replay
from mlpo_cli.answers.validate import Answered
from mlpo_cli.yamlmap import parse_yaml

ORCHESTRATORS = [o.id for o in RULES.orchestrators]


def put(text=None, environ=None, sets=(), options=None):
    document = None if text is None else parse_yaml(text, "team.yaml")
    return gather(RULES, ORCHESTRATORS, document, environ, sets, options)


FILE = "schema_version: 1\ncriteria:\n  cloud: aws\n  team_size: 3\n  trigger: event\n"


def test_a_flag_beats_the_environment_and_that_beats_the_file():
    found = put(FILE, {"MLPO_CLOUD": "gcp", "MLPO_TEAM_SIZE": "5"}, ["cloud=azure"])
    assert found.problems == ()
    assert found.answered.criteria == {"cloud": "azure", "team_size": 5, "trigger": "event"}
    assert found.origins["cloud"] == Origin("flag", "--set cloud")
    assert found.origins["team_size"] == Origin("environment", "MLPO_TEAM_SIZE")
    assert found.origins["trigger"] == Origin("file", "team.yaml:5")
    assert found.origins["project.ci"] == Origin("default", "")


def test_an_option_of_a_setting_beats_everything_and_defaults_are_not_made_answers():
    found = put(sets=["project.ci=none", "project.name=a"], options={"ci": "github"})
    assert found.answered.project == {"name": "a", "ci": "github"}
    assert found.origins["project.ci"] == Origin("flag", "--ci")
    assert put().answered == Answered({}, {}, {})


def test_null_hides_the_values_of_lower_sources_and_an_empty_variable_is_not_set():
    found = put(FILE, {"MLPO_CLOUD": ""}, ["team_size=null"])
    assert found.answered.criteria == {"cloud": "aws", "trigger": "event"}
    assert "team_size" not in found.origins


def test_the_last_of_two_flags_counts_and_long_names_are_the_same():
    assert put(sets=["cloud=aws", "criteria.cloud=gcp"]).answered.criteria == {"cloud": "gcp"}


def test_values_get_the_type_of_their_key():
    sets = ["team_size=12", "overrides.weights.cloud=0.5", "overrides.weights.trigger=2"]
    answered = put(sets=sets).answered
    assert answered.criteria == {"team_size": 12}
    assert answered.weights == {"cloud": 0.5, "trigger": 2}


def test_several_choices_are_separated_by_commas_outside_a_file():
    several = {"compliance": ("lineage", "airgapped")}
    assert put(sets=["compliance=airgapped,lineage"]).answered.criteria == several
    assert put(environ={"MLPO_COMPLIANCE": "airgapped, lineage"}).answered.criteria == several
    assert put(sets=["compliance=lineage"]).answered.criteria == {"compliance": "lineage"}
    found = put(sets=["compliance=lineag,none,airgapped", "cloud=aws,gcp"])
    assert [problem.what for problem in found.problems] == [
        "compliance cannot include 'lineag'",
        "compliance cannot include none together with other choices",
        "cloud cannot be 'aws,gcp'",
    ]


def test_a_saved_document_says_where_several_choices_may_be_given():
    text = as_yaml(Answered({"compliance": ("lineage", "airgapped")}, {}, {}), RULES)
    assert "  # none | lineage | access_control | airgapped, or a list of several\n" in text
    assert "  compliance: [lineage, airgapped]\n" in text


def test_every_problem_of_every_source_is_found_and_names_its_place():
    found = put(
        "schema_version: 1\ncriteria: {cloud: awz}\n",
        {"MLPO_TEAM_SIZE": "many"},
        [
            "clod=aws",
            "cloud=moon",
            "cloud",
            "project.name=../x",
            "overrides.weights.cloud=nan",
            "=",
        ],
        {"package": "class"},
    )
    assert [(p.where, bool(p.fix)) for p in found.problems] == [
        ("team.yaml:2", True),
        ("MLPO_TEAM_SIZE", True),
        ("--set clod", True),
        ("--set cloud", True),
        ("--set cloud", True),
        ("--set project.name", True),
        ("--set overrides.weights.cloud", True),
        ("--set ", True),
        ("--package", True),
    ]
    assert found.problems[2].fix == "did you mean cloud?"
    assert "whole number" in found.problems[1].what


def test_answers_of_two_places_may_contradict_each_other():
    text = "schema_version: 1\ncriteria: {existing_kubernetes: none}\n"
    (problem,) = put(text, sets=["existing_platform=kubeflow"]).problems
    assert "cannot both be true" in problem.what
    assert problem.where == "team.yaml:2"
    assert "--set existing_platform" in problem.what


def test_a_contradiction_that_a_flag_resolves_is_none():
    text = "schema_version: 1\ncriteria: {existing_kubernetes: none, existing_platform: kubeflow}\n"
    assert put(text, sets=["existing_platform=null"]).problems == ()


def test_a_variable_with_a_typo_is_ignored_with_a_warning_that_names_the_right_one():
    environ = {
        "MLPO_TEAMSIZE": "5",
        "MLPO_CLOUD": "gcp",
        "MLPO_XYZ": "",
        "HOME": "/",
        "_MLPO_A": "",
    }
    gathered = put(environ=environ)
    assert (gathered.problems, gathered.answered.criteria) == ((), {"cloud": "gcp"})
    teamsize, xyz = gathered.warnings
    assert "MLPO_TEAMSIZE is unknown and ignored; did you mean MLPO_TEAM_SIZE?" in teamsize
    assert "MLPO_XYZ" in xyz
    assert "\x1b" not in put(environ={"MLPO_\x1b[31m": "1"}).warnings[0]


def test_the_variables_of_the_library_are_not_ours():
    assert put(environ={"MLPO_KIT_PROJECT": "/x", "MLPO_KIT_DEBUG": "1"}).warnings == ()


PROJECTS = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from(["a", "my-project", "null", "x1"]), "ci": st.just("none")}
)


@given(some_answers(), some_weights(), PROJECTS)
def test_saved_answers_and_the_replay_give_the_same_answers_again(answers, weights, project):
    answered = Answered(answers, project, weights)
    if RULES.contradicted(answers):
        return  # they contradict each other; no such answers are ever saved
    for text in (as_yaml(answered, RULES), as_json(answered, RULES)):
        found = put(text)
        assert (found.problems, found.answered) == ((), answered)
    if "null" in project.values():
        return
    line = shlex.split(replay("recommend", answered))
    sets = [value for flag, value in pairwise(line) if flag == "--set"]
    assert put(sets=sets).answered == answered


def test_a_saved_document_names_every_criterion_so_that_it_can_be_completed():
    text = as_yaml(Answered({"cloud": "aws"}, {}, {}), RULES)
    saved = yaml.safe_load(text)["criteria"]
    assert list(saved) == IDS
    assert {id for id, answer in saved.items() if answer is None} == set(IDS) - {"cloud"}
