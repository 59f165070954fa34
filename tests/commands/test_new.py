"""`mlpo new` follows the Decision, or the team; and writes nothing when it cannot."""

from __future__ import annotations

import json

import pytest
from level_rules import LAPTOP, VERTEX, write_level_rules
from support import EXAMPLES, RULES

from mlpo_cli import scaffold
from mlpo_cli.commands.inputs import NO_INPUTS, Inputs
from mlpo_cli.commands.new import Request, new
from mlpo_cli.errors import AnswersError, NegativeFinding, UserError
from mlpo_cli.scaffold import File, Generated


@pytest.fixture
def generated(monkeypatch, tmp_path):
    """What `generate` was called with, in a world where only Metaflow has a scaffold."""
    calls = []

    def generate(project, target, adr, provenance, dry_run):
        assert not dry_run
        calls.append((project, target, adr, provenance))
        return Generated(target, (File("README.md", 20), File("docs/a", 3)), "abc123")

    monkeypatch.setattr(scaffold, "generate", generate)
    monkeypatch.setattr(scaffold, "list_scaffolds", lambda: ("metaflow",))
    monkeypatch.chdir(tmp_path)
    return calls


def ask(answers=None, accept=False, as_json=False, inputs=NO_INPUTS, **options):
    return new(Request(options, answers, accept, as_json, inputs))


def level_rules(tmp_path, **options):
    """Rules whose leader the test decides, whatever the scores are that mlpo ships."""
    return str(write_level_rules(tmp_path / "rules", **options))


def answers_file(tmp_path, **criteria):
    path = tmp_path / "team.json"
    path.write_text(json.dumps({"schema_version": 1, "criteria": criteria}))
    return str(path)


def test_the_recommendation_is_generated_with_its_record(generated, tmp_path):
    assert ask(str(EXAMPLES / "startup.yaml")) == 0
    ((project, target, adr, provenance),) = generated
    assert (project.name, project.package, project.orchestrator) == (
        "churn-model", "churn_model", "metaflow",
    )  # fmt: skip
    assert (project.data_source, project.ci) == ("digits", "github")
    assert target == tmp_path / "churn-model"
    assert "Chosen: Metaflow, because" in adr
    assert provenance.rules_version == RULES.version
    assert provenance.criteria["team_size"] == 5
    assert provenance.criteria["tracking"] is None
    assert set(provenance.criteria) == {c.id for c in RULES.criteria}


def test_options_beat_the_answers_file(generated):
    ask(str(EXAMPLES / "startup.yaml"), name="other", ci="none", data_source="table")
    project = generated[0][0]
    assert (project.name, project.package, project.ci) == ("other", "other", "none")
    assert project.data_source == "table"


def test_an_orchestrator_alone_is_enough_and_is_not_evaluated(generated):
    ask(name="x", orchestrator="metaflow")
    assert "not evaluated" in generated[0][2]


def test_without_answers_it_says_what_to_pass(generated):
    with pytest.raises(UserError, match="no answers to decide on") as caught:
        ask(name="x")
    assert caught.value.exit_code == 2
    assert generated == []


def test_a_toss_up_is_generated_only_when_accepted(generated, tmp_path, monkeypatch):
    monkeypatch.setattr(scaffold, "list_scaffolds", lambda: ("kubeflow", "metaflow"))
    answers = answers_file(tmp_path, existing_platform="vertex")
    inputs = Inputs(rules=level_rules(tmp_path, always_toss_up=True, **VERTEX))
    with pytest.raises(NegativeFinding, match=r"Kubeflow leads\. Too close to call") as caught:
        ask(answers, inputs=inputs, name="x")
    assert caught.value.exit_code == 1
    assert "--accept-toss-up" in caught.value.fix
    assert generated == []
    ask(answers, accept=True, inputs=inputs, name="x")
    assert generated[0][0].orchestrator == "kubeflow"


def test_none_fits_is_a_negative_finding_even_when_toss_ups_are_accepted(generated, tmp_path):
    answers = answers_file(tmp_path, workload="single_job")
    with pytest.raises(NegativeFinding, match=r"None of these fits\. A single job"):
        ask(answers, accept=True, name="x")
    assert generated == []


def test_a_recommendation_without_a_scaffold_names_what_exists(generated, tmp_path):
    answers = answers_file(tmp_path, existing_platform="vertex")
    inputs = Inputs(rules=level_rules(tmp_path, **VERTEX))
    with pytest.raises(NegativeFinding, match="Kubeflow is recommended, but has no") as caught:
        ask(answers, inputs=inputs, name="x")
    assert caught.value.exit_code == 1
    assert "(metaflow)" in caught.value.fix
    assert generated == []


def test_a_choice_against_the_decision_is_generated_with_a_warning(generated, tmp_path, capsys):
    answers = answers_file(tmp_path, existing_platform="vertex")
    inputs = Inputs(rules=level_rules(tmp_path, **VERTEX))
    ask(answers, inputs=inputs, name="x", orchestrator="metaflow", as_json=True)
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    warning = (
        "you chose Metaflow; mlpo recommends Kubeflow, because it fits better than Metaflow on"
    )
    assert document["warnings"][0].startswith(warning)
    assert captured.err.startswith(f"warning: {warning}")
    assert "Chosen: Metaflow, by the team; mlpo recommends Kubeflow, because" in generated[0][2]


def test_a_choice_against_a_veto_says_the_veto(generated, tmp_path, capsys):
    ask(answers_file(tmp_path, dev_os="windows"), name="x", orchestrator="metaflow")
    assert "because Metaflow is ruled out: Metaflow supports Linux" in capsys.readouterr().err


def test_the_json_document_is_complete(generated, capsys):
    ask(str(EXAMPLES / "startup.yaml"), as_json=True, data_source="images")
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert captured.err == ""
    assert document["schema_version"] == 1
    assert document["project"]["package"] == "churn_model"
    assert document["tree_hash"] == "abc123"
    assert document["files"] == [
        {"path": "README.md", "bytes": 20}, {"path": "docs/a", "bytes": 3},
    ]  # fmt: skip
    assert document["dry_run"] is False
    assert document["decision"]["orchestrator"] == "metaflow"
    assert document["warnings"] == []
    assert document["next"] == ["cd churn-model", "make setup sample-data run"]


def test_messages_name_the_next_commands(generated, capsys, tmp_path):
    ask(str(EXAMPLES / "startup.yaml"))
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path / 'churn-model'}\n"
    assert captured.err.endswith("Next:\n  cd churn-model\n  make setup run\n")


def test_messages_name_the_orchestrator_that_was_chosen_and_why(generated, capsys, tmp_path):
    ask(str(EXAMPLES / "startup.yaml"), inputs=Inputs(rules=level_rules(tmp_path, **LAPTOP)))
    headline, certainty, files, *_ = capsys.readouterr().err.splitlines()
    assert headline.startswith("Metaflow, because it fits better than ZenML on ")
    assert certainty.startswith("Sure: Metaflow stays first in ")
    assert files.startswith("2 files for Metaflow, tree ")


def test_an_orchestrator_that_the_user_chose_needs_no_reason(generated, capsys):
    ask(name="x", orchestrator="metaflow")
    assert "because" not in capsys.readouterr().err


def test_defaults_say_that_nothing_was_answered(generated, capsys, tmp_path):
    ask(inputs=Inputs(rules=level_rules(tmp_path, **LAPTOP), defaults=True), name="x")
    message = capsys.readouterr().err
    assert message.startswith("Metaflow, because it is the default.\nNothing was answered")
    assert generated[0][0].orchestrator == "metaflow"


def test_problems_of_file_and_options_come_together(generated, tmp_path):
    path = tmp_path / "team.yaml"
    path.write_text("schema_version: 1\ncriteria: {cloud: awz}\nproject: {name: a/b}\n")
    with pytest.raises(AnswersError) as caught:
        ask(str(path), ci="jenkins", orchestrator="kubeflow")
    places = [problem.where for problem in caught.value.problems]
    assert places == [f"{path}:2", f"{path}:3", "--ci", "--orchestrator"]
    assert generated == []
