"""The terminal report says the whole answer within 80 columns."""

from __future__ import annotations

from hypothesis import given, settings
from support import EXAMPLES, RULES, some_answers

from mlpo_cli.decision.engine import decide
from mlpo_cli.reports import terminal
from mlpo_cli.yamlmap import read

STARTUP = """\
Metaflow  robust, 97% of 2,000 draws; rules {version}

Points (weight x fit)          Metaflow               ZenML
  Kubernetes today: none       ████████████████ 12.0  ████████████      9.0
  Who operates it: none        ████████████████ 12.0  ████████████      9.0
  Vendor neutrality: low       ████████████      9.0  ████████          6.0
  GPUs: on_demand              ███████████       8.0  ████████          6.0
  Time to first run: days      ███████████       8.0  ████████          6.0
  Where it runs: aws           █████             4.0  ████              3.0
  5 more                                        36.0                   35.0
Sum                                             89.0                   74.0

Policy         Kubeflow is out: Kubeflow Pipelines needs a Kubernetes cluster
               and you have none (on Google Cloud, Vertex AI Pipelines runs KFP
               without one). Lifted by Platform in use = vertex (you: not sure).
Would flip it  GPUs: tpu gives ZenML
               Workload: single_job or plain_etl gives none of them
               Vendor neutrality: must gives ZenML
Still open     Developer machines can give ZenML
               4 more open questions could change it together with others
"""


def shown(answers, weights=None):
    return terminal.render(RULES, decide(RULES, answers, weights)).plain


def example(name):
    return read((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"), name).data["criteria"]


def test_the_headline_of_a_clear_case_fits_24_lines():
    expected = STARTUP.format(version=RULES.version)
    assert shown(example("startup")).startswith(expected)
    assert len(expected.splitlines()) <= 24


@settings(max_examples=40)
@given(some_answers())
def test_no_line_is_wider_than_80_columns(answers):
    assert max(map(len, shown(answers).splitlines())) <= terminal.WIDTH


def test_several_choices_are_named_and_counted_where_there_is_no_room():
    bank = {"team_size": 40, "compliance": ["lineage", "access_control", "airgapped"]}
    assert "\n  Governance: lineage + 2 more " in shown(bank)
    two = {**bank, "compliance": ["access_control", "airgapped"]}
    assert "\n  Governance: 2 choices  " in shown(two)
    assert "\n  Governance: lineage  " in shown({**bank, "compliance": ["lineage"]})


def test_a_flip_to_several_choices_names_them():
    answers = {"existing_kubernetes": "production", "dev_os": "windows", "budget": "oss_only"}
    text = shown({**answers, "multi_tenant": "single", "compliance": ["lineage", "airgapped"]})
    flip = "Governance: access_control or lineage + access_control + airgapped gives Kubeflow"
    assert flip in " ".join(text.split())


def test_a_toss_up_advises_a_spike():
    text = shown({"existing_platform": "vertex"})
    assert text.startswith("Kubeflow leads  toss-up, ")
    assert "spike both for two days" in text


def test_none_says_why_and_offers_no_bars():
    text = shown({"workload": "plain_etl"})
    assert text.startswith("None of these fits  robust, 100%")
    assert "data tool" in text
    assert "Points" not in text
    assert text.count("Data preparation") == 1


def test_a_gate_says_what_is_missing():
    answers = {"existing_kubernetes": "production", "platform_team": "dedicated"}
    assert "Missing: Who shares it = isolated (you: not sure)" in " ".join(shown(answers).split())


def test_a_criterion_that_is_switched_off_is_said():
    assert "Switched off by weight 0: Where it runs." in shown({"team_size": 3}, {"cloud": 0})


def test_a_leader_that_the_draws_do_not_favour_is_said_to_be_one():
    answers = {"existing_platform": "vertex"}
    decision = decide(RULES, answers)
    shares = decision.confidence.shares
    favourite = max(shares, key=shares.get)
    text = " ".join(shown(answers).split())
    assert ("in the draws" in text) == (favourite != decision.orchestrator)
    assert favourite != decision.orchestrator, "a case that tells the two apart"
    name = RULES.orchestrator(favourite).title
    assert f"in the draws {name} wins more often ({shares[favourite]:.0%})" in text
