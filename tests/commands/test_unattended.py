"""Scripts: answers come from options and variables, reports go to files, and nothing prompts."""

from __future__ import annotations

import json

import pytest
from level_rules import write_level_rules
from support import EXAMPLES, mlpo

pytestmark = pytest.mark.slow

STARTUP = str(EXAMPLES / "startup.yaml")


def test_flags_alone_are_enough(tmp_path):
    ran = mlpo("recommend", "--set", "vendor_neutral=must", "--json", cwd=tmp_path)
    assert (ran.returncode, json.loads(ran.stdout)["orchestrator"]) == (0, "zenml")


def test_explain_tells_scripts_where_each_value_is_from(tmp_path):
    (tmp_path / "t.yaml").write_text(
        "schema_version: 1\ncriteria:\n  cloud: aws\n  trigger: event\n"
    )
    ran = mlpo(
        "recommend", "--answers", "t.yaml", "--set", "team_size=3", "--explain", "--json",
        cwd=tmp_path, MLPO_CLOUD="gcp",
    )  # fmt: skip
    sources = json.loads(ran.stdout)["sources"]
    assert sources["cloud"] == {"value": "gcp", "source": "environment", "where": "MLPO_CLOUD"}
    assert sources["team_size"]["source"] == "flag"
    assert sources["trigger"] == {"value": "event", "source": "file", "where": "t.yaml:4"}
    assert sources["project.ci"]["source"] == "default"
    assert "sources" not in json.loads(
        mlpo("recommend", "--answers", "t.yaml", "--json", cwd=tmp_path).stdout
    )


def test_explain_shows_people_sources_and_evidence(tmp_path):
    ran = mlpo("recommend", "--answers", STARTUP, "--explain", cwd=tmp_path)
    assert "Values, and where they come from" in ran.stdout
    assert f"file {STARTUP}:4" in ran.stdout
    assert "docs.metaflow.org" in ran.stdout


@pytest.mark.parametrize("form", ["adr", "html"])
def test_explain_is_refused_where_the_evidence_is_in_the_report_anyway(tmp_path, form):
    ran = mlpo("recommend", "--answers", STARTUP, "--explain", "--format", form, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "has the evidence anyway" in ran.stderr


@pytest.mark.parametrize(
    ("form", "start"), [("html", "<!doctype html>"), ("json", "{"), ("adr", "---"), ("table", "M")]
)
def test_output_writes_a_file_and_leaves_stdout_empty(tmp_path, form, start):
    ran = mlpo(
        "recommend", "--answers", STARTUP, "--format", form, "--output", "out", cwd=tmp_path,
        FORCE_COLOR="1",
    )  # fmt: skip
    text = (tmp_path / "out").read_text(encoding="utf-8")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert text.startswith(start)
    assert "\x1b" not in text


@pytest.mark.parametrize("option", ["--output", "--save-answers"])
def test_an_existing_file_is_replaced_only_with_overwrite(tmp_path, option):
    (tmp_path / "mine").write_text("mine")
    arguments = ("recommend", "--answers", STARTUP, option, "mine")
    for options in ((), ("--yes",)):
        ran = mlpo(*arguments, *options, cwd=tmp_path)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "pass --overwrite to replace this one" in ran.stderr
        assert (tmp_path / "mine").read_text() == "mine"
    assert mlpo(*arguments, "--overwrite", cwd=tmp_path).returncode == 0
    assert (tmp_path / "mine").read_text() != "mine"


def test_bad_answers_write_neither_file(tmp_path):
    ran = mlpo(
        "recommend", "--set", "cloud=moon", "--save-answers", "a.yaml", "--output", "o",
        cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 2
    assert [p.name for p in tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_saved_answers_give_the_same_recommendation(tmp_path, name):
    sets = ("--set", "team_size=80", "--set", "multi_tenant=isolated")
    first = mlpo("recommend", *sets, "--json", "--save-answers", name, cwd=tmp_path)
    again = mlpo("recommend", "--answers", name, "--json", cwd=tmp_path)
    assert first.stdout == again.stdout != ""


def test_without_answers_and_a_terminal_it_is_a_usage_error_unless_defaults_are_taken(tmp_path):
    assert mlpo("recommend", "--no-input", cwd=tmp_path).returncode == 2
    assert mlpo("recommend", "--yes", cwd=tmp_path).returncode == 2
    ran = mlpo("recommend", "--defaults", "--json", cwd=tmp_path)
    assert json.loads(ran.stdout)["answers"] == {}


@pytest.mark.parametrize("command", [["recommend"], ["new"], ["new", "mine"]], ids=" ".join)
def test_without_a_terminal_what_is_missing_is_an_error_and_no_prompt(tmp_path, command):
    ran = mlpo(*command, cwd=tmp_path, stdin="")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: ")
    assert "fix: " in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_new_takes_the_same_flags_and_names_every_problem(tmp_path):
    ran = mlpo(
        "new", "--set", "cloud=moon", "--set", "project.name=../x", "--ci", "jenkins", "--json",
        cwd=tmp_path, MLPO_TEAM_SIZE="x",
    )  # fmt: skip
    error = json.loads(ran.stdout)["error"]
    assert [p["where"] for p in error["problems"]] == [
        "MLPO_TEAM_SIZE", "--set cloud", "--set project.name", "--ci",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_new_follows_flags_and_says_where_values_are_from(tmp_path, monkeypatch, capsys):
    from mlpo_cli import scaffold
    from mlpo_cli.commands.inputs import Inputs
    from mlpo_cli.commands.new import Request, new
    from mlpo_cli.scaffold import Generated

    calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scaffold, "list_scaffolds", lambda: ("metaflow",))
    monkeypatch.setattr(
        scaffold, "generate", lambda *call: (calls.append(call[:4]), Generated(call[1], (), "x"))[1]
    )
    inputs = Inputs(("local_dev_need=must", "project.ci=none"), save_answers="a.yaml", explain=True)
    assert new(Request({"name": "x"}, None, True, True, inputs)) == 0
    project, _, _, provenance = calls[0]
    assert (project.ci, provenance.criteria["local_dev_need"]) == ("none", "must")
    sources = json.loads(capsys.readouterr().out)["sources"]
    assert sources["project.name"] == {"value": "x", "source": "flag", "where": "NAME"}
    assert "ci: none" in (tmp_path / "a.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["fsspec", "pynvml"])
def test_a_project_may_not_be_named_as_a_package_that_it_imports(tmp_path, name):
    arguments = ("--orchestrator", "metaflow", "--dry-run")
    ran = mlpo("new", name, *arguments, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"package cannot be '{name}'" in ran.stderr
    assert "fix: pass --package" in ran.stderr
    assert mlpo("new", name, *arguments, "--package", "mine", cwd=tmp_path).returncode == 0


def test_a_variable_with_a_typo_is_told_to_people_and_to_scripts(tmp_path):
    known = {"MLPO_PROJECT_NAME": "x", "MLPO_KIT_PROJECT": "/somewhere"}
    rules = str(write_level_rules(tmp_path / "rules"))  # Metaflow wins a tie
    arguments = ("new", "--orchestrator", "metaflow", "--rules", rules, "--dry-run", "--json")
    ran = mlpo(*arguments, cwd=tmp_path, MLPO_TEMA_SIZE="5", **known)
    (warning,) = json.loads(ran.stdout)["warnings"]
    assert "MLPO_TEMA_SIZE" in warning
    assert "did you mean MLPO_TEAM_SIZE?" in warning
    assert ran.stderr.count("warning:") == 1
    assert f"warning: {warning}\n" in ran.stderr
    assert "warning" not in mlpo(*arguments, cwd=tmp_path, MLPO_TEAM_SIZE="5", **known).stderr
    ran = mlpo("recommend", "--set", "cloud=aws", "--json", cwd=tmp_path, MLPO_CLOUDS="aws")
    assert "did you mean MLPO_CLOUD?" in ran.stderr
    assert json.loads(ran.stdout)["answers"] == {"cloud": "aws"}


def test_a_none_that_is_written_to_a_file_still_exits_1(tmp_path):
    ran = mlpo("recommend", "--set", "workload=plain_etl", "--output", "o", cwd=tmp_path)
    assert ran.returncode == 1
    assert (tmp_path / "o").is_file()


def test_schema_and_compare_write_files_too(tmp_path):
    for verb in ("schema", "compare"):
        printed = mlpo(verb, cwd=tmp_path).stdout
        assert mlpo(verb, "--output", verb, cwd=tmp_path).returncode == 0
        assert (tmp_path / verb).read_text(encoding="utf-8") == printed
        assert mlpo(verb, "--output", verb, cwd=tmp_path).returncode == 2
        assert mlpo(verb, "--output", verb, "--overwrite", cwd=tmp_path).returncode == 0
