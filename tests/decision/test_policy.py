"""An answer that means "no preference" never moves the winner; a rule reads an unknown as unmet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_rules import with_any_rules
from support import RULES, some_answers, some_weights

from mlpo_cli.decision.conditions import Condition
from mlpo_cli.decision.policy import find_leader
from mlpo_cli.decision.score import resolve_weights


@with_any_rules
@settings(max_examples=150)
@given(data=st.data())
def test_no_preference_never_moves_the_winner(rules, data):
    answers = data.draw(some_answers(rules))
    weights = resolve_weights(rules, data.draw(some_weights(rules)))
    for criterion in rules.criteria:
        others = {id: answer for id, answer in answers.items() if id != criterion.id}
        for choice in sorted(criterion.indifferent):
            indifferent = {**others, criterion.id: choice}
            assert find_leader(rules, indifferent, weights) == find_leader(rules, others, weights)


def test_the_shipped_rules_offer_no_preference_where_people_need_it():
    assert "dont_care" in RULES.criterion("tracking").indifferent
    assert "none" in RULES.criterion("compliance").indifferent


CONDITION = Condition({"cluster": frozenset({"none"})}, {"place": frozenset({"service", "many"})})


@pytest.mark.parametrize(
    ("answers", "holds"),
    [
        ({}, False),
        ({"cluster": "none"}, True),
        ({"cluster": "planned"}, False),
        ({"cluster": "none", "place": "desk"}, True),
        ({"cluster": "none", "place": "service"}, False),
        ({"place": "desk"}, False),
    ],
)
def test_an_unknown_answer_is_not_met_and_is_no_exception(answers, holds):
    assert CONDITION.holds(answers) is holds
