"""The GitHub workflow of a generated project, against the published schema."""

import json
import re
from importlib.resources import files

import jsonschema
import pytest
import yaml
from projects import CHOICES, generate

SCHEMA = files("check_jsonschema") / "builtin_schemas/vendor/github-workflows.json"


def problems(workflow):
    validator = jsonschema.validators.validator_for(json.loads(SCHEMA.read_text()))
    found = validator(json.loads(SCHEMA.read_text())).iter_errors(workflow)
    return [error.message for error in found]


@pytest.fixture(scope="module", params=CHOICES["data_source"])
def project(request, tmp_path_factory):
    options = ("--data-source", request.param, "--ci", "github")
    return generate(tmp_path_factory.mktemp("ci"), "my-project", *options)


@pytest.fixture
def workflow(project):
    text = (project.path / ".github" / "workflows" / "ci.yml").read_text()
    # YAML 1.1 takes `on` for true, and GitHub does not.
    return {{True: "on"}.get(key, key): value for key, value in yaml.safe_load(text).items()}


def commands(workflow):
    """What the jobs run, in their order."""
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return [step["run"] for step in steps if "run" in step]


@pytest.mark.slow
def test_it_has_the_published_form(workflow):
    assert problems(workflow) == []


def test_the_schema_would_see_a_mistake(workflow):
    workflow["jobs"]["check"]["steps"][0]["use"] = "actions/checkout@v4"
    assert problems(workflow)


def test_it_sets_up_checks_tests_runs_and_builds(project, workflow):
    targets = [
        word for command in commands(workflow) for word in command.split("  #")[0].split()[1:]
    ]
    known = set(re.findall(r"^([a-z-]+):", (project.path / "Makefile").read_text(), re.MULTILINE))
    assert {word for word in targets if "=" not in word} <= known
    for wanted in ("setup", "lint", "check", "test", "run", "image", "validate"):
        assert wanted in targets
    assert "make run ARGS=--require-promotion" in commands(workflow)
    samples = "digits" not in (project.path / "configs" / "base.yaml").read_text()
    assert ("sample-data" in targets) == samples


def test_every_action_is_pinned_and_the_token_may_only_read(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
