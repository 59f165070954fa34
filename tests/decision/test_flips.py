"""Reported flips really flip, and none is missed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_rules import SMALL, SMALL_WEIGHTS, with_any_rules
from support import every_answer, some_answers, some_weights

from mlpo_cli.decision.flips import find_flips, find_possible_flips
from mlpo_cli.decision.policy import find_leader
from mlpo_cli.decision.score import resolve_weights


def draw_case(rules, data):
    """Random weights, and answers to criteria that are not switched off."""
    weights = resolve_weights(rules, data.draw(some_weights(rules)))
    answers = data.draw(some_answers(rules))
    return {id: answer for id, answer in answers.items() if id in weights}, weights


def list_near_answers(criterion, given):
    """One choice; from several of them, whatever differs from them by one choice."""
    is_near = isinstance(given, tuple)
    return [
        answer
        for answer in every_answer(criterion)
        if isinstance(answer, str) or (is_near and len({*answer} ^ {*given}) == 1)
    ]


@pytest.mark.slow
@with_any_rules
@settings(max_examples=100)
@given(data=st.data())
def test_flips_to_choices_are_exactly_those_that_change_the_winner(rules, data):
    answers, weights = draw_case(rules, data)
    now = find_leader(rules, answers, weights)
    tried = {
        (c.id, other): find_leader(rules, {**answers, c.id: other}, weights)
        for c in rules.criteria
        if c.id in weights
        for other in list_near_answers(c, answers.get(c.id))
    }
    reported = {
        (f.criterion, f.to): f.winner
        for f in find_flips(rules, answers, weights)
        if rules.criterion(f.criterion).choices
    }
    assert reported == {change: winner for change, winner in tried.items() if winner != now}


@with_any_rules
@settings(max_examples=40)
@given(data=st.data())
def test_flips_of_a_number_are_exact_at_every_number(rules, data):
    answers, weights = draw_case(rules, data)
    now = find_leader(rules, answers, weights)
    for criterion in rules.criteria:
        if criterion.choices or criterion.id not in weights:
            continue
        flips = [f for f in find_flips(rules, answers, weights) if f.criterion == criterion.id]
        for number in [
            *range(criterion.minimum, 131),
            500,
            criterion.maximum - 1,
            criterion.maximum,
        ]:
            reported = [f.winner for f in flips if f.to <= number <= f.upto]
            winner = find_leader(rules, {**answers, criterion.id: number}, weights)
            assert reported == ([] if winner == now else [winner]), number


@pytest.mark.parametrize("margin", [0, 1, Fraction(5, 2)])
def test_flips_of_a_number_respect_the_tie_margin(margin):
    rules = replace(SMALL, policy=replace(SMALL.policy, margin=margin))
    answers = {"cluster": "running", "sharing": "strict", "laptop": "must", "people": 5}
    now = find_leader(rules, answers, SMALL_WEIGHTS)
    flips = [f for f in find_flips(rules, answers, SMALL_WEIGHTS) if f.criterion == "people"]
    winners = {
        n: find_leader(rules, {**answers, "people": n}, SMALL_WEIGHTS) for n in range(1, 121)
    }
    assert len(set(winners.values())) > 1
    for number, winner in winners.items():
        assert any(f.to <= number <= f.upto for f in flips) == (winner != now), number


@with_any_rules
@settings(max_examples=60)
@given(data=st.data())
def test_no_flip_is_proposed_that_the_other_answers_rule_out(rules, data):
    answers = data.draw(some_answers(rules))
    weights = {c.id: c.weight for c in rules.criteria}
    proposed = find_possible_flips(rules, answers, weights)
    refused = [f for f in find_flips(rules, answers, weights) if f not in proposed]
    for flip in proposed:
        assert not rules.contradicted({**answers, flip.criterion: flip.to})
    for flip in refused:
        assert rules.contradicted({**answers, flip.criterion: flip.to})


def test_a_flip_that_contradicts_another_answer_is_found_and_not_proposed():
    answers = {"place": "rack", "people": 60}
    everything = {(f.criterion, f.to) for f in find_flips(SMALL, answers, SMALL_WEIGHTS)}
    proposed = {(f.criterion, f.to) for f in find_possible_flips(SMALL, answers, SMALL_WEIGHTS)}
    assert everything - proposed == {("cluster", "none")}
