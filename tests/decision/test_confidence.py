"""Confidence is reproducible, cautious with few answers, and follows the draws."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from support import RULES, some_answers

from mlpo_cli.decision.engine import decide
from mlpo_cli.decision.model import ConfidencePolicy
from mlpo_cli.reports.jsondoc import decision_document

CLEAR = {
    "team_size": 5,
    "existing_kubernetes": "none",
    "local_dev_need": "must",
    "gpu_scheduling": "on_demand",
    "vendor_neutral": "low",
    "platform_team": "none",
    "cloud": "aws",
}


def _with(**changes):
    confidence: ConfidencePolicy = replace(RULES.policy.confidence, **changes)
    return replace(RULES, policy=replace(RULES.policy, confidence=confidence))


@settings(max_examples=15)
@given(some_answers())
def test_shares_are_shares_and_the_label_follows_them(answers):
    decision = decide(RULES, answers)
    sure = decision.confidence
    assert 0 <= sum(sure.shares.values()) <= 1 + 1e-9
    if decision.orchestrator:
        assert sure.share == sure.shares[decision.orchestrator]
        assert (decision.verdict == "toss-up") == (sure.label == "toss-up")
    if sure.label != "toss-up":
        assert sure.share >= RULES.policy.confidence.leaning
        assert sure.favourite == decision.orchestrator
    if sure.favourite is not None:
        assert sure.shares[sure.favourite] == max(sure.shares.values())


def test_the_seed_fixes_the_share_and_another_seed_moves_it_a_little():
    first, again = decide(RULES, {"cloud": "aws"}), decide(RULES, {"cloud": "aws"})
    other = decide(_with(seed=1), {"cloud": "aws"})
    assert first.confidence == again.confidence
    assert other.confidence.share != first.confidence.share
    assert other.confidence.share == pytest.approx(first.confidence.share, abs=0.05)


def test_few_answers_are_never_robust():
    few = {"vendor_neutral": "must", "cloud": "multi", "existing_platform": "azureml"}
    assert decide(RULES, few).confidence.share > RULES.policy.confidence.robust
    assert decide(RULES, few).confidence.label == "leaning"
    assert decide(_with(robust_needs_answers=2), few).confidence.label == "robust"


def test_a_clear_case_is_robust_and_less_noise_makes_it_surer():
    noisy, calm = decide(_with(cv=1.5), CLEAR), decide(_with(cv=0.05), CLEAR)
    assert decide(RULES, CLEAR).confidence.label == "robust"
    assert noisy.confidence.share < calm.confidence.share


def test_a_certain_none_is_robust_after_one_answer():
    decision = decide(RULES, {"workload": "single_job"})
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


def test_where_the_draws_favour_another_than_the_leader_both_are_named():
    decision = decide(RULES, {"existing_platform": "vertex"})
    document = decision_document(decision)
    assert decision.verdict == "toss-up"
    assert document["orchestrator"] == decision.orchestrator == "kubeflow"
    favourite = document["confidence"]["favourite"]
    shares = document["confidence"]["shares"]
    assert favourite != "kubeflow"
    assert shares[favourite] == max(shares.values()) > decision.confidence.share


def test_a_note_may_keep_the_label_from_being_robust():
    answers = {**CLEAR, "gpu_scheduling": "slurm", "vendor_neutral": "must"}
    decision = decide(RULES, answers)
    without = replace(RULES, policy=replace(RULES.policy, notes=()))
    assert decision.confidence.share > RULES.policy.confidence.robust
    assert decision.confidence.label == "leaning"
    assert any("Slurm" in note for note in decision.notes)
    assert decide(without, answers).confidence.label == "robust"
    assert not any("Slurm" in note for note in decide(RULES, CLEAR).notes)
