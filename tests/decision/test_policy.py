"""An answer that means "no preference" never moves the winner; a rule reads an unknown as unmet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from support import RULES, some_answers, some_weights

from mlpo_cli.decision.model import Condition
from mlpo_cli.decision.policy import leader
from mlpo_cli.decision.score import effective_weights

INDIFFERENT = [(c.id, choice) for c in RULES.criteria for choice in sorted(c.indifferent)]


@settings(max_examples=150)
@given(some_answers(), some_weights())
def test_no_preference_never_moves_the_winner(answers, overrides):
    weights = effective_weights(RULES, overrides)
    for id, choice in INDIFFERENT:
        without = {key: answer for key, answer in answers.items() if key != id}
        assert leader(RULES, {**without, id: choice}, weights) == leader(RULES, without, weights)


def test_the_rules_offer_no_preference_where_people_need_it():
    assert ("tracking", "dont_care") in INDIFFERENT
    assert ("compliance", "none") in INDIFFERENT


CONDITION = Condition(
    {"existing_kubernetes": frozenset({"none"})}, {"cloud": frozenset({"gcp", "azure"})}
)


@pytest.mark.parametrize(
    ("answers", "holds"),
    [
        ({}, False),
        ({"existing_kubernetes": "none"}, True),
        ({"existing_kubernetes": "planned"}, False),
        ({"existing_kubernetes": "none", "cloud": "aws"}, True),
        ({"existing_kubernetes": "none", "cloud": "gcp"}, False),
        ({"cloud": "aws"}, False),
    ],
)
def test_an_unknown_answer_is_not_met_and_is_no_exception(answers, holds):
    assert CONDITION.holds(answers) is holds
