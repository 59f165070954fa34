"""Reported flips really flip, and none is missed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from support import RULES, WEIGHTS, every_answer, some_answers, some_weights

from mlpo_cli.decision.flips import find, possible
from mlpo_cli.decision.policy import leader
from mlpo_cli.decision.score import effective_weights


def _known(answers, weights):
    return {id: answer for id, answer in answers.items() if id in weights}


def _others(criterion, given):
    """One choice; from several of them, whatever differs from them by one choice."""
    is_near = isinstance(given, tuple)
    return [
        answer
        for answer in every_answer(criterion)
        if isinstance(answer, str) or (is_near and len({*answer} ^ {*given}) == 1)
    ]


@settings(max_examples=100)
@given(some_answers(), some_weights())
def test_flips_to_choices_are_exactly_those_that_change_the_winner(answers, overrides):
    weights = effective_weights(RULES, overrides)
    known = _known(answers, weights)
    now = leader(RULES, known, weights)
    tried = {
        (c.id, other): leader(RULES, {**known, c.id: other}, weights)
        for c in RULES.criteria
        if c.id in weights
        for other in _others(c, known.get(c.id))
    }
    reported = {
        (f.criterion, f.to): f.winner
        for f in find(RULES, known, weights)
        if RULES.criterion(f.criterion).choices
    }
    assert reported == {change: winner for change, winner in tried.items() if winner != now}


@settings(max_examples=40)
@given(some_answers(), some_weights())
def test_flips_of_a_number_are_exact_at_every_number(answers, overrides):
    weights = effective_weights(RULES, overrides)
    if "team_size" not in weights:
        return
    known = _known(answers, weights)
    now = leader(RULES, known, weights)
    flips = [f for f in find(RULES, known, weights) if f.criterion == "team_size"]
    for number in [*range(1, 131), 500, 99_999, 100_000]:
        said = [f.winner for f in flips if f.to <= number <= f.upto]
        winner = leader(RULES, {**known, "team_size": number}, weights)
        assert said == ([] if winner == now else [winner]), number


@pytest.mark.parametrize("margin", [0, 1, Fraction(5, 2)])
def test_flips_of_a_number_respect_the_tie_margin(margin):
    rules = replace(RULES, policy=replace(RULES.policy, margin=margin))
    known = {"existing_kubernetes": "production", "multi_tenant": "isolated"}
    known |= {"local_dev_need": "must", "team_size": 5}
    now = leader(rules, known, WEIGHTS)
    flips = [f for f in find(rules, known, WEIGHTS) if f.criterion == "team_size"]
    winners = {n: leader(rules, {**known, "team_size": n}, WEIGHTS) for n in range(1, 121)}
    assert set(winners.values()) == {"metaflow", "kubeflow"}
    for number, winner in winners.items():
        assert any(f.to <= number <= f.upto for f in flips) == (winner != now), number


@settings(max_examples=60)
@given(some_answers())
def test_no_flip_is_proposed_that_the_other_answers_rule_out(answers):
    proposed = possible(RULES, answers, WEIGHTS)
    refused = [f for f in find(RULES, answers, WEIGHTS) if f not in proposed]
    for flip in proposed:
        assert not RULES.contradicted({**answers, flip.criterion: flip.to})
    for flip in refused:
        assert RULES.contradicted({**answers, flip.criterion: flip.to})


def test_workstations_only_is_no_proposal_for_who_is_on_vertex():
    known = {"existing_platform": "vertex"}
    everything = {(f.criterion, f.to) for f in find(RULES, known, WEIGHTS)}
    proposed = {(f.criterion, f.to) for f in possible(RULES, known, WEIGHTS)}
    assert everything - proposed == {("cloud", "local")}
