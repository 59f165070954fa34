"""What must hold of every Decision (DESIGN: decision engine)."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_rules import SMALL, with_any_rules
from support import RULES, some_answers, some_weights

from mlpo_cli.decision.conditions import Condition
from mlpo_cli.decision.engine import decide
from mlpo_cli.decision.model import Adjustment, Evidence, Orchestrator, Row, Rules, Scores
from mlpo_cli.reports.jsondoc import decision_document, dumps

few = settings(max_examples=25)


@with_any_rules
@few
@given(data=st.data())
def test_contributions_sum_to_the_score_for_each_orchestrator(rules, data):
    decision = decide(rules, data.draw(some_answers(rules)), data.draw(some_weights(rules)))
    for id, score in decision.scores.items():
        assert sum(c.score_parts[id] for c in decision.contributions) == score
        assert 0 <= score <= 4


@with_any_rules
@few
@given(data=st.data())
def test_the_order_of_the_answers_is_irrelevant(rules, data):
    answers, weights = data.draw(some_answers(rules)), data.draw(some_weights(rules))
    shuffled = data.draw(st.permutations(list(answers.items())))
    assert decide(rules, dict(shuffled), weights) == decide(rules, answers, weights)


@with_any_rules
@few
@given(data=st.data())
def test_weight_0_equals_a_criterion_that_does_not_exist(rules, data):
    answers = data.draw(some_answers(rules))
    id = data.draw(st.sampled_from([c.id for c in rules.criteria]))
    without = replace(rules, criteria=tuple(c for c in rules.criteria if c.id != id))
    others = {key: answer for key, answer in answers.items() if key != id}
    off, absent = (
        decision_document(decide(rules, answers, {id: 0})),
        decision_document(decide(without, others)),
    )
    assert off["switched_off"] == [id]
    for document in (off, absent):
        del document["answers"], document["switched_off"]
    assert dumps(off) == dumps(absent)


@with_any_rules
@few
@given(data=st.data())
def test_not_sure_and_absent_are_the_same(rules, data):
    answers = data.draw(some_answers(rules))
    unsure = {c.id: answers.get(c.id) for c in rules.criteria}
    assert decide(rules, unsure) == decide(rules, answers)


def fourth_orchestrator(rules: Rules, score: int) -> Orchestrator:
    """Another orchestrator with the same score everywhere."""
    evidence = (Evidence("made up", "a test", "2026-01-01", "1"),)
    rows = {
        c.id: Row(
            Scores(cells=dict.fromkeys(c.choices, score)) if c.choices
            else Scores(points=((1, score),)),
            evidence,
        )
        for c in rules.criteria
    }  # fmt: skip
    return Orchestrator("fourth", "Fourth", "1", (), rows)


@with_any_rules
@few
@given(data=st.data())
def test_another_orchestrator_never_reorders_the_others(rules, data):
    answers = data.draw(some_answers(rules))
    fourth = fourth_orchestrator(rules, data.draw(st.integers(0, 4)))
    more = replace(rules, orchestrators=(*rules.orchestrators, fourth))
    before, after = decide(rules, answers), decide(more, answers)
    assert {id: after.scores[id] for id in before.scores} == before.scores
    if before.orchestrator is not None and not any(gate.overruled for gate in before.gates):
        assert after.orchestrator in (before.orchestrator, "fourth")


@with_any_rules
@few
@given(data=st.data())
def test_the_winner_is_never_vetoed_and_only_a_veto_on_all_leaves_none(rules, data):
    decision = decide(rules, data.draw(some_answers(rules)), data.draw(some_weights(rules)))
    vetoed = {veto.orchestrator for veto in decision.vetoes}
    assert decision.orchestrator not in vetoed
    assert (decision.orchestrator is None) == (vetoed == set(decision.scores))
    assert decision.runner_up not in vetoed | {decision.orchestrator} - {None}


@with_any_rules
@few
@given(data=st.data())
def test_a_shut_gate_is_never_won_through_unless_all_are_shut(rules, data):
    decision = decide(rules, data.draw(some_answers(rules)))
    shut = {gate.orchestrator for gate in decision.gates if not gate.overruled}
    assert decision.orchestrator not in shut


def test_unknown_criteria_answers_and_weights_are_refused():
    with pytest.raises(ValueError, match="colour"):
        decide(SMALL, {"colour": "red"})
    with pytest.raises(ValueError, match="not an answer to place"):
        decide(SMALL, {"place": "moon"})
    with pytest.raises(ValueError, match="not an answer to people"):
        decide(SMALL, {"people": True})
    for weight in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="weight of place"):
            decide(SMALL, {}, {"place": weight})


def test_a_number_between_two_points_is_scored_on_the_line_between_them():
    points = {size: decide(SMALL, {"people": size}).points["alder"] for size in (20, 30, 60, 900)}
    assert points == {20: 8, 30: Fraction(13, 2), 60: 2, 900: 2}


def test_no_answers_gives_the_default_and_says_so():
    decision = decide(SMALL, {})
    assert decision.orchestrator == SMALL.policy.order[0]
    assert decision.confidence.label != "robust"
    assert "No question is answered" in decision.notes[0]
    assert set(decision.scores.values()) == {0}


def test_a_veto_names_the_answers_that_would_lift_it():
    (veto,) = decide(SMALL, {"cluster": "none"}).vetoes
    lifts = {need.criterion: need.answers for need in veto.lifted_by}
    assert (veto.id, veto.orchestrator) == ("birch-needs-a-cluster", "birch")
    assert lifts == {"place": ("service",)}
    assert not decide(SMALL, {"cluster": "none", "place": "service"}).vetoes


def test_a_decisive_gate_names_what_is_missing():
    decision = decide(SMALL, {"people": 60, "cluster": "running"})
    (gate,) = decision.gates
    assert decision.points["birch"] > decision.points["cedar"]
    assert (decision.orchestrator, decision.runner_up) == ("cedar", "birch")
    assert gate.decisive
    assert [need.criterion for need in gate.missing] == ["sharing"]


def test_an_adjustment_replaces_scores_under_its_condition():
    answers = {"cluster": "none", "people": 60}
    plain, adjusted = (decide(SMALL, {**answers, "place": p}) for p in ("desk", "service"))
    assert (plain.points["birch"], adjusted.points["birch"]) == (4 * 2 + 1, 3 * 3 + 3 * 2 + 4)
    for id in ("alder", "cedar"):
        assert plain.points[id] - adjusted.points[id] in (0, 2)  # only the place differs


def test_two_of_them_together_are_advised_to_the_winner():
    assert decide(SMALL, {"people": 5, "place": "rack"}).combined == ("Both.",)
    assert decide(SMALL, {"people": 5, "place": "desk"}).combined == ()


def test_what_has_to_be_operated_follows_the_answers():
    own, service = {"cluster": "running", "sharing": "strict"}, {"place": "service"}
    for answers, operate in ((own, ("A pot for birch.",)), (service, ("Nothing.",))):
        decision = decide(SMALL, answers)
        assert (decision.orchestrator, decision.operate) == ("birch", operate)


def test_nothing_of_kubeflow_always_runs_on_vertex():
    kubeflow = RULES.orchestrator("kubeflow")
    on_vertex = kubeflow.select_operate({"existing_platform": "vertex", "cloud": "gcp"})
    assert on_vertex != kubeflow.operate
    assert any("always runs" in line for line in kubeflow.operate)
    assert not any("always runs" in line for line in on_vertex)
    assert kubeflow.select_operate({"existing_platform": "kubeflow"}) == kubeflow.operate


def test_of_several_adjustments_the_last_one_says_what_to_operate():
    aws = Condition({"cloud": frozenset({"aws"})})
    silent = Adjustment(aws, "why", {}, ())
    first, last = (replace(silent, operate=(text,)) for text in ("first", "last"))
    metaflow = replace(RULES.orchestrator("metaflow"), adjustments=(first, last, silent))
    assert metaflow.select_operate({"cloud": "aws"}) == ("last",)
    assert metaflow.select_operate({}) == metaflow.operate


def test_decimal_weights_are_exact():
    decision = decide(SMALL, {"place": "desk"}, {"place": 0.1})
    assert decision.points["alder"] == Fraction(4, 10)


def test_a_tie_within_the_margin_goes_to_the_first_in_the_policys_order():
    decision = decide(SMALL, {"laptop": "never", "work": "pipeline"})
    assert len(set(decision.points.values())) == 1
    assert decision.orchestrator == SMALL.policy.order[0]


@with_any_rules
def test_shuffled_rules_decide_the_same(rules):
    criteria = list(rules.criteria)
    random.Random(1).shuffle(criteria)
    answers = {c.id: next(iter(c.choices)) for c in rules.criteria[1:4]}
    shuffled = decide(replace(rules, criteria=tuple(criteria)), answers)
    straight = decide(rules, answers)
    assert shuffled.confidence.share == pytest.approx(straight.confidence.share, abs=0.001)
    assert shuffled.scores == straight.scores
