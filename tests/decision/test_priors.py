"""Open answers are drawn with regard to the given ones, and only where the rules say so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from small_rules import SMALL
from support import RULES, some_answers

from mlpo_cli.decision.conditions import Condition
from mlpo_cli.decision.engine import decide
from mlpo_cli.decision.model import ConditionalPrior
from mlpo_cli.decision.priors import choose_prior


def without_conditional_priors(rules):
    return replace(rules, criteria=tuple(replace(c, priors_when=()) for c in rules.criteria))


WITHOUT = without_conditional_priors(RULES)
KUBEFLOW = {"existing_kubernetes": "production", "existing_platform": "kubeflow"}


def _reads(answers):
    """Whether some conditional prior of an open criterion holds for these answers."""
    return any(
        conditional.when.holds(answers)
        for criterion in RULES.criteria
        if criterion.id not in answers
        for conditional in criterion.priors_when
    )


@pytest.mark.slow
@settings(max_examples=15)
@given(some_answers())
def test_answers_that_no_conditional_prior_reads_are_decided_as_without_them(answers):
    kept = {id: answers[id] for id in answers if not _reads({id: answers[id]})}
    while _reads(kept):
        kept.popitem()
    assert decide(RULES, kept) == decide(WITHOUT, kept)


@pytest.mark.slow
@settings(max_examples=15)
@given(some_answers())
def test_priors_change_the_confidence_and_nothing_else(answers):
    with_them, without = decide(RULES, answers), decide(WITHOUT, answers)
    confidence = without.confidence
    assert replace(with_them, verdict=without.verdict, confidence=confidence) == without


def test_a_conditional_prior_can_change_the_favourite():
    """Teams with a rack share it, which is what Birch is for."""
    answers = {"place": "rack", "cluster": "running", "people": 90}
    plain = without_conditional_priors(SMALL)
    before, now = decide(plain, answers).confidence, decide(SMALL, answers).confidence
    assert now.favourite == "birch" != before.favourite
    assert now.shares["birch"] > before.shares["birch"]


def test_a_platform_in_use_says_something_about_tenancy_and_operators():
    for id in ("multi_tenant", "platform_team"):
        criterion = RULES.criterion(id)
        assert choose_prior(RULES, criterion, KUBEFLOW) != criterion.prior
        assert choose_prior(RULES, criterion, {"cloud": "aws"}) == criterion.prior


def test_of_several_priors_that_apply_the_last_one_counts():
    aws = Condition({"cloud": frozenset({"aws"})})
    small = ConditionalPrior(aws, {"single": 1.0})
    large = ConditionalPrior(aws, {"isolated": 1.0})
    criterion = replace(RULES.criterion("multi_tenant"), priors_when=(small, large))
    assert choose_prior(RULES, criterion, {"cloud": "aws"}) == {"isolated": 1.0}
    assert choose_prior(RULES, criterion, {}) == criterion.prior


@settings(max_examples=60)
@given(some_answers())
def test_a_prior_adds_up_to_1_and_holds_no_answer_that_the_others_rule_out(answers):
    for criterion in RULES.criteria:
        others = {id: answer for id, answer in answers.items() if id != criterion.id}
        if RULES.contradicted(others):
            continue
        prior = choose_prior(RULES, criterion, others)
        assert sum(prior.values()) == pytest.approx(1)
        for answer, share in prior.items():
            assert not share or not RULES.contradicted({**others, criterion.id: answer})
