"""The terminal report says the whole answer within 80 columns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from rich.text import Text
from support import EXAMPLES, RULES, some_answers, some_weights

from mlpo_cli.answers.fields import MAX_WEIGHT
from mlpo_cli.decision.engine import decide
from mlpo_cli.reports import terminal, verdict
from mlpo_cli.yamlmap import parse_yaml

SCREEN = 24
STARTUP = """\
Metaflow, because it fits better than ZenML on Kubernetes today (none), Who
operates it (none) and Vendor neutrality (low).
Sure: Metaflow stays first in 97% of 2,000 variations of the weights and of the
open answers.

Points (weight x fit)          Metaflow               ZenML
  Kubernetes today: none       ████████████████ 12.0  ████████████      9.0
  Who operates it: none        ████████████████ 12.0  ████████████      9.0
  Vendor neutrality: low       ████████████      9.0  ████████          6.0
  GPUs: on_demand              ███████████       8.0  ████████          6.0
  Time to first run: days      ███████████       8.0  ████████          6.0
  Where it runs: aws           █████             4.0  ████              3.0
  5 more                                        36.0                   35.0
Sum                                             89.0                   74.0

Rules            Kubeflow is ruled out: Kubeflow Pipelines needs a Kubernetes
                 cluster and you have none (on Google Cloud, Vertex AI Pipelines
                 runs KFP without one). That changes if Platform in use is
                 vertex (your answer: not sure).
Would change it  Workload: with single_job, none of them fits
                 Vendor neutrality: with must, ZenML comes first
"""


def shown(answers, weights=None):
    return terminal.render(RULES, decide(RULES, answers, weights)).plain


def example(name):
    return parse_yaml((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"), name).data[
        "criteria"
    ]


def test_result_reason_and_points_of_a_clear_case_fit_a_screen():
    assert shown(example("startup")).startswith(STARTUP)
    assert len(STARTUP.splitlines()) <= SCREEN


def test_a_report_longer_than_the_screen_ends_with_the_result():
    text = shown(example("startup"))
    assert len(text.splitlines()) > SCREEN
    *_, version, empty, last = text.splitlines()
    assert version.split() == ["Rules", "version", RULES.version]
    assert (empty, last) == ("", "Metaflow: sure, first in 97% of variations.")


def test_details_come_before_the_result_at_the_end():
    decision = decide(RULES, example("startup"))
    text = terminal.render(RULES, decision, Text("\nDetails\n")).plain
    assert text.index("Details") < text.index("Rules version")
    assert text.endswith("\nMetaflow: sure, first in 97% of variations.\n")


def test_a_report_that_fits_the_screen_says_the_result_once():
    text = shown({"workload": "single_job"})
    assert len(text.splitlines()) < SCREEN
    assert text.count("None of these fits") == 1


@pytest.mark.slow
@settings(max_examples=20)
@given(some_answers(), some_weights())
def test_no_line_is_wider_than_80_columns(answers, weights):
    assert max(map(len, shown(answers, weights).splitlines())) <= terminal.WIDTH


def test_the_largest_weights_fit_80_columns_too():
    weights = {criterion.id: MAX_WEIGHT for criterion in RULES.criteria}
    text = shown(example("platform"), weights)
    assert max(map(len, text.splitlines())) <= terminal.WIDTH
    figures = [line.split()[-1] for line in text.splitlines() if line.startswith("Sum")]
    assert [len(figure) for figure in figures] == [len("0000.0")]


@pytest.mark.slow
@settings(max_examples=10)
@given(some_answers())
def test_the_first_screen_holds_the_result_its_reason_and_how_sure_it_is(answers):
    decision = decide(RULES, answers)
    screen = " ".join(" ".join(shown(answers).splitlines()[: SCREEN - 2]).split())
    assert verdict.write_headline(RULES, decision) in screen
    assert verdict.describe_certainty(RULES, decision) in screen


def test_a_toss_up_advises_to_try_both():
    text = " ".join(shown({"existing_platform": "vertex"}).split())
    assert text.startswith("Kubeflow leads, because it fits better than ZenML on")
    assert "Try Kubeflow and ZenML for two days each before you commit." in text


def test_none_says_why_once_and_offers_no_bars():
    text = shown({"workload": "plain_etl"})
    assert text.startswith("None of these fits. Data preparation without a model")
    assert "A rule decides this, not points" in text
    assert "Points" not in text
    assert text.count("Data preparation") == 1


def test_a_gate_says_what_is_missing():
    answers = {"existing_kubernetes": "production", "platform_team": "dedicated"}
    text = " ".join(shown(answers).split())
    assert "That changes if Who shares it is isolated (your answer: not sure)." in text


def test_a_criterion_that_is_switched_off_is_mentioned():
    assert "Switched off by weight 0: Where it runs." in shown({"team_size": 3}, {"cloud": 0})


def test_several_choices_are_named_and_counted_where_there_is_no_room():
    bank = {"team_size": 40, "compliance": ["lineage", "access_control", "airgapped"]}
    assert "\n  Governance: lineage + 2 more " in shown(bank)
    two = {**bank, "compliance": ["access_control", "airgapped"]}
    assert "\n  Governance: 2 choices  " in shown(two)
    assert "\n  Governance: lineage  " in shown({**bank, "compliance": ["lineage"]})


def test_a_flip_to_several_choices_names_them():
    answers = {"existing_kubernetes": "production", "dev_os": "windows", "budget": "oss_only"}
    text = shown({**answers, "multi_tenant": "single", "compliance": ["lineage", "airgapped"]})
    several = "access_control or lineage + access_control + airgapped"
    flip = f"Governance: with {several}, Kubeflow comes first"
    assert flip in " ".join(text.split())
