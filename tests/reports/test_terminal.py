"""The terminal report says the whole answer within 80 columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from rich.text import Text
from small_rules import SMALL
from support import EXAMPLES, RULES, some_answers, some_weights

from mlpo_cli.answers.fields import MAX_WEIGHT
from mlpo_cli.decision.engine import decide
from mlpo_cli.reports import terminal, verdict
from mlpo_cli.yamlmap import parse_yaml

SCREEN = 24
# More criteria than the report has bars. Most teams have one place, a desk.
PLACE = replace(
    SMALL.criterion("place"), prior={"desk": 0.9, "service": 0.04, "many": 0.03, "rack": 0.03}
)
MORE = [replace(PLACE, id="office", label="Office"), replace(PLACE, id="home", label="Home")]
WIDE = replace(
    SMALL,
    criteria=(*(c for c in SMALL.criteria if c.id != "place"), PLACE, *MORE),
    orchestrators=tuple(
        replace(o, rows={**o.rows, **{c.id: o.rows["place"] for c in MORE}})
        for o in SMALL.orchestrators
    ),
)
CLEAR = {
    "people": 5, "cluster": "none", "laptop": "must", "sharing": "alone", "work": "pipeline",
    "office": "desk", "home": "rack",
}  # fmt: skip
CLEAR_REPORT = """\
Alder, because it fits better than Cedar on Cluster (none), Laptop (must) and
People (5).
Sure: Alder stays first in 97% of 500 variations of the weights and of the open
answers.

Points (weight x fit)          Alder                  Cedar
  Cluster: none                ████████████████ 12.0  ████████████      9.0
  Laptop: must                 ████████████████ 12.0  ████████████      9.0
  People: 5                    ███████████       8.0  ████████          6.0
  Sharing: alone               ███████████       8.0  ████████          6.0
  Office: desk                 █████             4.0  ████              3.0
  Home: rack                   ████              3.0  ███               2.0
  1 more                                         3.0                    3.0
Sum                                             50.0                   38.0

Rules            Birch is ruled out: Birch needs a cluster. That changes if
                 Place is service (your answer: not sure).
Would change it  Work: with script, none of them fits
Still open       Place: the answer could put Cedar first
You operate      A pot for alder.
"""


def shown(answers, weights=None, rules=RULES):
    return terminal.render(rules, decide(rules, answers, weights)).plain


def example(name):
    return parse_yaml((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"), name).data[
        "criteria"
    ]


def test_a_clear_case_is_shown_with_its_reason_its_points_and_what_would_change_it():
    assert shown(CLEAR, rules=WIDE) == f"{CLEAR_REPORT}Rules version    {WIDE.version}\n"


def test_result_reason_and_points_of_a_clear_case_fit_a_screen():
    screen = shown(example("startup")).splitlines()[:SCREEN]
    assert [line.split()[0] for line in screen if line.startswith(("Points", "Sum", "Rules"))] == [
        "Points", "Sum", "Rules",
    ]  # fmt: skip
    assert any(line.startswith("Would change it ") for line in screen)


def test_a_report_longer_than_the_screen_ends_with_the_result():
    text = shown(example("startup"))
    assert len(text.splitlines()) > SCREEN
    *_, version, empty, last = text.splitlines()
    assert version.split() == ["Rules", "version", RULES.version]
    assert (empty, last) == ("", verdict.summarize(RULES, decide(RULES, example("startup"))))


def test_details_come_before_the_result_at_the_end():
    decision = decide(RULES, example("startup"))
    text = terminal.render(RULES, decision, Text("\nDetails\n")).plain
    assert text.index("Details") < text.index("Rules version")
    assert text.endswith(f"\n{verdict.summarize(RULES, decision)}\n")


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
    screen = screen.replace("- ", "-")  # a line may end within a word, at its hyphen
    assert verdict.write_headline(RULES, decision) in screen
    assert verdict.describe_certainty(RULES, decision) in screen


def test_a_toss_up_advises_to_try_both():
    text = " ".join(shown({"place": "service"}, rules=SMALL).split())
    assert text.startswith("Birch leads, because it fits better than Cedar on Place (service).")
    assert "Try Birch and Alder for two days each before you commit." in text


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
