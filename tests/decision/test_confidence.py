"""Confidence is reproducible, cautious with few answers, and follows the simulated variations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_rules import SMALL, with_any_rules
from support import RULES, some_answers

from mlpo_cli.decision.engine import decide
from mlpo_cli.reports.jsondoc import decision_document

CLEAR = {"people": 5, "cluster": "none", "laptop": "must", "place": "desk"}


STARTUP = {
    "team_size": 5,
    "existing_kubernetes": "none",
    "local_dev_need": "must",
    "gpu_scheduling": "on_demand",
    "vendor_neutral": "low",
    "platform_team": "none",
    "cloud": "aws",
}


def small_rules_with(**changes):
    """The small rules with another policy of confidence."""
    confidence = replace(SMALL.policy.confidence, **changes)
    return replace(SMALL, policy=replace(SMALL.policy, confidence=confidence))


@with_any_rules
@settings(max_examples=15)
@given(data=st.data())
def test_shares_are_shares_and_the_label_follows_them(rules, data):
    decision = decide(rules, data.draw(some_answers(rules)))
    confidence = decision.confidence
    assert 0 <= sum(confidence.shares.values()) <= 1 + 1e-9
    if decision.orchestrator:
        assert confidence.share == confidence.shares[decision.orchestrator]
        assert (decision.verdict == "toss-up") == (confidence.label == "toss-up")
    if confidence.label != "toss-up":
        assert confidence.share >= rules.policy.confidence.leaning
        assert confidence.favourite == decision.orchestrator
    if confidence.favourite is not None:
        assert confidence.shares[confidence.favourite] == max(confidence.shares.values())


def test_the_seed_fixes_the_share_and_another_seed_moves_it_a_little():
    answers = {"laptop": "must"}
    first, again = decide(SMALL, answers), decide(SMALL, answers)
    other = decide(small_rules_with(seed=2), answers)
    assert first.confidence == again.confidence
    assert other.confidence.share != first.confidence.share
    assert other.confidence.share == pytest.approx(first.confidence.share, abs=0.05)


def test_few_answers_are_never_robust():
    enough, too_few = (small_rules_with(robust_needs_answers=len(CLEAR) + more) for more in (0, 1))
    assert decide(too_few, CLEAR).confidence.share > SMALL.policy.confidence.robust
    assert decide(too_few, CLEAR).confidence.label == "leaning"
    assert decide(enough, CLEAR).confidence.label == "robust"


def test_less_noise_makes_the_leader_surer():
    answers = {"people": 5, "laptop": "must"}
    noisy, calm = (decide(small_rules_with(cv=cv), answers) for cv in (1.5, 0.05))
    assert noisy.orchestrator == calm.orchestrator
    assert noisy.confidence.share < calm.confidence.share


def test_a_certain_none_is_robust_after_one_answer():
    decision = decide(SMALL, {"work": "script"})
    assert (decision.verdict, decision.confidence.label) == ("none", "robust")
    assert decision.confidence.share == 1


def test_the_share_of_none_is_that_of_the_draws_in_which_none_fits():
    decision = decide(RULES, {"workload": "plain_etl"})  # GPUs would bring them back
    sure = decision.confidence
    assert decision.verdict == "none"
    assert sure.share == pytest.approx(1 - sum(sure.shares.values()))
    assert 0 < sure.share < 1
    assert (sure.label, sure.favourite) == ("leaning", None)  # one answer is never enough
    settled = decide(RULES, {"workload": "plain_etl", "gpu_scheduling": "none"}).confidence
    assert (settled.label, settled.share) == ("robust", 1)


def test_a_leader_that_most_variations_do_not_name_is_a_toss_up():
    decision = decide(SMALL, {"place": "service"})
    assert decision.orchestrator == "birch"
    assert decision.confidence.share < max(decision.confidence.shares.values())
    assert decision.verdict == "toss-up"
    document = decision_document(decision)
    favourite = document["confidence"]["favourite"]
    shares = document["confidence"]["shares"]
    assert document["orchestrator"] == "birch" != favourite
    assert shares[favourite] == max(shares.values()) > decision.confidence.share


def test_a_note_may_keep_the_label_from_being_robust():
    answers = {**STARTUP, "gpu_scheduling": "slurm", "vendor_neutral": "must"}
    decision = decide(RULES, answers)
    without = replace(RULES, policy=replace(RULES.policy, notes=()))
    assert decision.confidence.share > RULES.policy.confidence.robust
    assert decision.confidence.label == "leaning"
    assert any("Slurm" in note for note in decision.notes)
    assert decide(without, answers).confidence.label == "robust"
    assert not any("Slurm" in note for note in decide(RULES, STARTUP).notes)
