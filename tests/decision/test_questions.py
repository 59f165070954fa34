"""No question that can still change the answer is left out, and settled cases ask nothing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_rules import SMALL, SMALL_WEIGHTS, with_any_rules
from support import all_answers, every_answer, some_answers

from mlpo_cli.decision import flips, questions
from mlpo_cli.decision.model import Scores
from mlpo_cli.decision.policy import find_leader

CLEAR = {"people": 5, "cluster": "none", "laptop": "must", "place": "desk", "work": "pipeline"}


def find_questions(rules, answers, weights=None):
    weights = weights or {c.id: c.weight for c in rules.criteria}
    return questions.find_open_questions(
        rules, answers, weights, flips.find_flips(rules, answers, weights)
    )


def list_asked(rules, answers, weights=None):
    return [question.criterion for question in find_questions(rules, answers, weights)]


@pytest.mark.slow
@with_any_rules
@settings(max_examples=200)
@given(data=st.data())
def test_a_question_that_is_not_asked_never_changes_the_winner(rules, data):
    answers, rest = data.draw(some_answers(rules)), data.draw(all_answers(rules))
    dropped = data.draw(some_answers(rules))
    weights = {c.id: c.weight for c in rules.criteria}
    asked = list_asked(rules, answers)
    completed = {**{k: v for k, v in rest.items() if k not in dropped}, **answers}
    for criterion in rules.criteria:
        if criterion.id in answers or criterion.id in asked:
            continue
        others = {id: answer for id, answer in completed.items() if id != criterion.id}
        possible = every_answer(criterion) or [1, 5, 15, 20, 40, 1000]
        winners = {find_leader(rules, {**others, criterion.id: a}, weights) for a in possible}
        assert winners == {find_leader(rules, others, weights)}, criterion.id


@pytest.mark.slow
@with_any_rules
@settings(max_examples=60)
@given(data=st.data())
def test_a_question_whose_answer_alone_flips_is_asked_first(rules, data):
    answers = data.draw(some_answers(rules))
    weights = {c.id: c.weight for c in rules.criteria}
    found = find_questions(rules, answers)
    changes = flips.find_flips(rules, answers, weights)
    assert {q.criterion for q in found if q.alone} == {
        flip.criterion for flip in changes if flip.given is None
    }
    assert [bool(q.alone) for q in found] == sorted((bool(q.alone) for q in found), reverse=True)


@with_any_rules
@settings(max_examples=60)
@given(data=st.data())
def test_nothing_is_open_once_all_is_answered(rules, data):
    assert list_asked(rules, data.draw(all_answers(rules))) == []


def test_nothing_else_matters_once_none_fits():
    assert list_asked(SMALL, {"work": "script"}) == []


def test_a_clear_case_asks_nothing_and_an_open_case_asks_all():
    assert "sharing" not in CLEAR
    assert list_asked(SMALL, CLEAR) == []
    assert len(list_asked(SMALL, {})) == len(SMALL.criteria)


def test_a_question_that_only_a_veto_reads_is_asked():
    """All score the same there, whatever the answer is."""
    assert list_asked(SMALL, {id: CLEAR[id] for id in CLEAR if id != "work"}) == ["work"]


def test_the_choice_that_could_veto_the_winner_is_asked():
    answers = {"people": 90, "laptop": "never", "sharing": "strict", "work": "pipeline"}
    assert find_leader(SMALL, {**answers, "place": "service"}, SMALL_WEIGHTS) == "birch"
    assert "cluster" in list_asked(SMALL, answers)


def rules_with(criteria, scores):
    """The small rules with only these criteria, and other scores by criterion and orchestrator."""
    orchestrators = tuple(
        replace(
            o,
            rows={
                **o.rows,
                **{id: replace(o.rows[id], scores=by[o.id]) for id, by in scores.items()},
            },
        )
        for o in SMALL.orchestrators
    )
    kept = tuple(SMALL.criterion(id) for id in criteria)
    return replace(SMALL, criteria=kept, orchestrators=orchestrators)


def test_a_question_may_also_stay_unanswered():
    """Each answer to it gives Alder; left open it is Birch."""
    low, high = (Scores(cells=dict.fromkeys(["alone", "some", "strict"], n)) for n in (3, 4))
    scores = {"sharing": {"alder": high, "birch": low, "cedar": low}}
    rules = rules_with(["place", "sharing"], scores)
    weights = {"place": Fraction(1, 4), "sharing": 1}
    assert find_leader(rules, {"place": "service"}, weights) == "birch"
    assert list_asked(rules, {"place": "service"}, weights) == ["sharing"]


def test_a_question_that_only_an_adjustment_reads_is_asked():
    flat = Scores(cells=dict.fromkeys(["desk", "service", "many", "rack"], 3))
    rules = rules_with(["cluster", "place"], {"place": {o.id: flat for o in SMALL.orchestrators}})
    rules = replace(rules, policy=replace(rules.policy, gates=(), vetoes=()))
    weights, answers = {"cluster": 1, "place": 1}, {"cluster": "running"}
    assert find_leader(rules, answers, weights) == "birch"
    assert find_leader(rules, {**answers, "place": "service"}, weights) == "alder"
    assert list_asked(rules, answers, weights) == ["place"]


def test_a_question_is_asked_whose_adjustment_changes_the_lowest_of_several_choices():
    """Alder leads by the lower of two choices, until the place raises Birch's."""
    flat = Scores(cells=dict.fromkeys(["desk", "service", "many", "rack"], 3))
    cluster = {
        "alder": Scores(cells={"running": 4, "planned": 2, "none": 0}),
        "birch": Scores(cells={"running": 3, "planned": 1, "none": 0}),
        "cedar": Scores(cells={"running": 0, "planned": 0, "none": 0}),
    }
    places = {o.id: flat for o in SMALL.orchestrators}
    rules = rules_with(["cluster", "place"], {"cluster": cluster, "place": places})
    several = replace(rules.criterion("cluster"), several=True)
    rules = replace(rules, criteria=(several, rules.criterion("place")))
    rules = replace(rules, policy=replace(rules.policy, gates=(), vetoes=()))
    weights, answers = {"cluster": 1, "place": 1}, {"cluster": ("running", "planned")}
    assert find_leader(rules, answers, weights) == "alder"
    assert find_leader(rules, {**answers, "place": "service"}, weights) == "birch"
    assert list_asked(rules, answers, weights) == ["place"]
