"""A Decision is followed only where it names an orchestrator that can be generated."""

from __future__ import annotations

import pytest
from small_rules import SMALL

from mlpo_cli.decision.choice import Refusal, choose_orchestrator, goes_against
from mlpo_cli.decision.engine import decide

ALL = tuple(orchestrator.id for orchestrator in SMALL.orchestrators)
CLEAR = decide(SMALL, {"place": "many"})
TOSS_UP = decide(SMALL, {"place": "service"})
NONE = decide(SMALL, {"work": "script"})


@pytest.mark.parametrize(
    ("decision", "accept", "templates", "choice"),
    [
        (CLEAR, False, ALL, "cedar"),
        (CLEAR, False, ("alder",), Refusal.NO_TEMPLATE),
        (TOSS_UP, False, ALL, Refusal.TOSS_UP),
        (TOSS_UP, True, ALL, "birch"),
        (TOSS_UP, True, ("alder",), Refusal.NO_TEMPLATE),
        (NONE, True, ALL, Refusal.NONE_FITS),
        (None, True, ALL, Refusal.NOTHING_ANSWERED),
    ],
)
def test_what_is_followed_and_why_the_rest_is_not(decision, accept, templates, choice):
    assert choose_orchestrator(decision, accept, templates) == choice


def test_another_choice_than_the_recommendation_goes_against_it():
    assert goes_against(CLEAR, "alder")
    assert goes_against(NONE, "alder")
    assert not goes_against(CLEAR, "cedar")
    assert not goes_against(None, "alder")
