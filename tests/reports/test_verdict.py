"""A report starts with the result, the reason and how sure it is, in words that stand alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from small_rules import SMALL
from support import RULES, some_answers, some_weights

from mlpo_cli.decision.engine import decide
from mlpo_cli.decision.outcome import Confidence, Need
from mlpo_cli.reports import verdict

VARIED = "2,000 variations of the weights and of the open answers"


def headline(answers, weights=None, rules=SMALL):
    return verdict.write_headline(rules, decide(rules, answers, weights))


def with_confidence(label, **shares):
    """A decision for Alder with made-up shares of variations."""
    decision = decide(SMALL, {"cluster": "none", "sharing": "alone"})
    assert decision.orchestrator == "alder"
    all_shares = {orchestrator.id: 0.0 for orchestrator in SMALL.orchestrators} | shares
    favourite = max(all_shares, key=lambda id: all_shares[id])
    return replace(
        decision,
        verdict="toss-up" if label == "toss-up" else "recommend",
        confidence=Confidence(label, all_shares["alder"], 2000, all_shares, favourite),
    )


def test_points_are_a_reason():
    assert headline({"cluster": "none", "sharing": "alone"}) == (
        "Alder, because it fits better than Cedar on Cluster (none) and Sharing (alone)."
    )


def test_a_gate_in_front_of_another_is_a_reason():
    assert headline({"people": 60, "cluster": "running"}) == (
        "Cedar leads, because Birch would come first on points, but a rule stops it: Birch must be "
        "earned."
    )


def test_a_veto_on_another_is_a_reason():
    answers = {"cluster": "none", "people": 90, "sharing": "strict"}
    assert headline(answers, {"cluster": 1}) == (
        "Cedar leads, because Birch would come first on points, but is ruled out: Birch needs a "
        "cluster."
    )


def test_a_tie_says_how_it_was_broken():
    answers = {"laptop": "never"}
    decision = decide(SMALL, answers)
    assert decision.points[decision.orchestrator] == decision.points[decision.runner_up]
    assert headline(answers) == (
        "Alder leads, because it has the same points as Cedar, and the rules prefer it in a tie."
    )


def test_the_last_one_left_is_a_reason():
    decision = replace(decide(SMALL, {"people": 3}), runner_up=None, gates=())
    assert verdict.write_headline(SMALL, decision) == (
        "Alder, because it is the only one that is not ruled out."
    )


def test_none_is_explained_by_the_rule():
    veto = next(veto for veto in RULES.policy.vetoes if veto.id == "single-job")
    none = headline({"workload": "single_job"}, rules=RULES)
    assert none == f"None of these fits. {veto.message}"


def test_none_by_a_rule_for_each_says_so():
    decision = decide(RULES, {"workload": "single_job"})
    vetoes = tuple(
        replace(veto, id=f"rule-{number}") for number, veto in enumerate(decision.vetoes)
    )
    decision = replace(decision, vetoes=vetoes)
    assert verdict.write_headline(RULES, decision) == (
        "None of these fits. Each of them is ruled out, for a reason of its own."
    )
    assert verdict.describe_certainty(RULES, decision).startswith("Rules decide this, not points:")
    assert verdict.summarize(RULES, decision) == (
        "None of these fits. Rules decide this, not points."
    )


def test_a_none_that_an_open_answer_could_lift_has_its_share():
    decision = decide(RULES, {"workload": "single_job"})
    need = Need("existing_platform", ("vertex",), None)
    vetoes = tuple(replace(veto, lifted_by=(need,)) for veto in decision.vetoes)
    assert verdict.describe_certainty(RULES, replace(decision, vetoes=vetoes)) == (
        f"A rule decides this, not points: none fits in 100% of {VARIED}."
    )


def test_nothing_answered_is_the_default_and_says_so():
    decision = replace(decide(SMALL, {}), verdict="recommend")
    assert verdict.write_headline(SMALL, decision) == "Alder, because it is the default."
    assert verdict.describe_certainty(SMALL, decision).startswith(
        "Nothing was answered, so this says nothing about the team."
    )
    assert verdict.summarize(SMALL, decision) == (
        "Alder: the default, because nothing was answered."
    )


@pytest.mark.parametrize(
    ("label", "shares", "sentence", "summary"),
    [
        (
            "robust",
            {"alder": 0.96, "cedar": 0.04},
            f"Sure: Alder stays first in 96% of {VARIED}.",
            "Alder: sure, first in 96% of variations.",
        ),
        (
            "leaning",
            {"alder": 0.7, "cedar": 0.3},
            f"Fairly sure: Alder stays first in 70% of {VARIED}.",
            "Alder: fairly sure, first in 70% of variations.",
        ),
        (
            "leaning",
            {"alder": 0.999, "cedar": 0.001},
            f"Fairly sure: Alder stays first in over 99% of {VARIED}, but few questions are "
            "answered.",
            "Alder: fairly sure, first in over 99% of variations.",
        ),
        (
            "toss-up",
            {"alder": 0.5, "cedar": 0.4},
            f"Too close to call: Alder stays first in only 50% of {VARIED}.",
            "Alder leads: too close to call, first in 50% of variations.",
        ),
        (
            "toss-up",
            {"alder": 0.4, "birch": 0.5},
            f"Too close to call: in {VARIED}, Birch comes first more often (50%) than Alder (40%).",
            "Alder leads: too close to call, first in 40% of variations, Birch in 50%.",
        ),
    ],
)
def test_how_sure_it_is_has_words_and_the_variations_behind_them(label, shares, sentence, summary):
    decision = with_confidence(label, **shares)
    assert verdict.describe_certainty(SMALL, decision) == sentence
    assert verdict.summarize(SMALL, decision) == summary


def test_weights_alone_vary_where_nothing_is_open():
    answers = {c.id: next(iter(c.choices), 5) for c in RULES.criteria} | {"workload": "pipeline"}
    sentence = verdict.describe_certainty(RULES, decide(RULES, answers))
    assert "variations of the weights" in sentence
    assert "open answers" not in sentence


def test_what_a_rule_settles_is_not_a_matter_of_variations():
    assert verdict.describe_certainty(RULES, decide(RULES, {"workload": "single_job"})) == (
        "A rule decides this, not points: no open answer can change it."
    )


def test_a_toss_up_names_both_that_are_worth_a_try():
    close = with_confidence("toss-up", alder=0.5, cedar=0.4)
    assert verdict.advise(SMALL, close).startswith("Try Alder and Cedar ")
    other = with_confidence("toss-up", alder=0.3, birch=0.5)
    assert verdict.advise(SMALL, other).startswith("Try Alder and Birch ")
    assert verdict.advise(SMALL, with_confidence("robust", alder=0.96)) == ""


def test_a_real_leader_that_the_variations_do_not_favour_is_named_with_the_favourite():
    decision = decide(SMALL, {"place": "service"})
    favourite = decision.confidence.favourite
    assert favourite != decision.orchestrator, "a case that tells the two apart"
    sentence = verdict.describe_certainty(SMALL, decision)
    for id in (favourite, decision.orchestrator):
        share = decision.confidence.shares[id]
        assert f"{share:.0%}" in sentence
        assert SMALL.orchestrator(id).title in sentence


@settings(max_examples=15)
@given(some_answers(), some_weights())
def test_every_sentence_ends_as_one_and_the_summary_fits_a_line(answers, weights):
    decision = decide(RULES, answers, weights)
    for text in (
        verdict.write_headline(RULES, decision),
        verdict.describe_certainty(RULES, decision),
        verdict.summarize(RULES, decision),
    ):
        assert text.endswith(".")
        assert ".." not in text
        assert "none of them" not in text
    assert len(verdict.summarize(RULES, decision)) <= 80
