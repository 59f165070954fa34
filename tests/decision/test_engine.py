"""What must hold of every Decision (DESIGN: decision engine)."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import IDS, RULES, some_answers, some_weights

from mlpo_cli.decision.engine import decide
from mlpo_cli.decision.model import Adjustment, Condition, Evidence, Orchestrator, Row, Scores
from mlpo_cli.reports.jsondoc import decision_document, dumps

few = settings(max_examples=25)


@few
@given(some_answers(), some_weights())
def test_contributions_sum_to_the_score_for_each_orchestrator(answers, weights):
    decision = decide(RULES, answers, weights)
    for id, score in decision.scores.items():
        assert sum(c.points[id] for c in decision.contributions) == score
        assert 0 <= score <= 4


@few
@given(some_answers(), some_weights(), st.randoms(use_true_random=False))
def test_the_order_of_the_answers_is_irrelevant(answers, weights, shuffler):
    pairs = list(answers.items())
    shuffler.shuffle(pairs)
    assert decide(RULES, dict(pairs), weights) == decide(RULES, answers, weights)


@few
@given(some_answers(), st.sampled_from(IDS))
def test_weight_0_equals_a_criterion_that_does_not_exist(answers, id):
    without = replace(RULES, criteria=tuple(c for c in RULES.criteria if c.id != id))
    left = {key: answer for key, answer in answers.items() if key != id}
    off, absent = (
        decision_document(decide(RULES, answers, {id: 0})),
        decision_document(decide(without, left)),
    )
    assert off["switched_off"] == [id]
    for document in (off, absent):
        del document["answers"], document["switched_off"]
    assert dumps(off) == dumps(absent)


@few
@given(some_answers())
def test_not_sure_and_absent_are_the_same(answers):
    unsure = {id: answers.get(id) for id in IDS}
    assert decide(RULES, unsure) == decide(RULES, answers)


def _fourth(score: int) -> Orchestrator:
    evidence = (Evidence("made up", "a test", "2026-01-01", "1"),)
    rows = {
        c.id: Row(
            Scores(cells=dict.fromkeys(c.choices, score)) if c.choices
            else Scores(points=((1, score),)),
            evidence,
        )
        for c in RULES.criteria
    }  # fmt: skip
    return Orchestrator("fourth", "Fourth", "1", (), rows)


@few
@given(some_answers(), st.integers(0, 4))
def test_another_orchestrator_never_reorders_the_others(answers, score):
    more = replace(RULES, orchestrators=(*RULES.orchestrators, _fourth(score)))
    before, after = decide(RULES, answers), decide(more, answers)
    assert {id: after.scores[id] for id in before.scores} == before.scores
    if before.orchestrator is not None and not any(gate.overruled for gate in before.gates):
        assert after.orchestrator in (before.orchestrator, "fourth")


@few
@given(some_answers(), some_weights())
def test_the_winner_is_never_vetoed_and_only_a_veto_on_all_leaves_none(answers, weights):
    decision = decide(RULES, answers, weights)
    vetoed = {veto.orchestrator for veto in decision.vetoes}
    assert decision.orchestrator not in vetoed
    assert (decision.orchestrator is None) == (vetoed == set(decision.scores))
    assert decision.runner_up not in vetoed | {decision.orchestrator} - {None}


@few
@given(some_answers())
def test_a_shut_gate_is_never_won_through_unless_all_are_shut(answers):
    decision = decide(RULES, answers)
    shut = {gate.orchestrator for gate in decision.gates if not gate.overruled}
    assert decision.orchestrator not in shut


def test_unknown_criteria_answers_and_weights_are_refused():
    with pytest.raises(ValueError, match="colour"):
        decide(RULES, {"colour": "red"})
    with pytest.raises(ValueError, match="no answer to cloud"):
        decide(RULES, {"cloud": "moon"})
    with pytest.raises(ValueError, match="no answer to team_size"):
        decide(RULES, {"team_size": True})
    for weight in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="weight of cloud"):
            decide(RULES, {}, {"cloud": weight})


def test_a_team_of_19_and_one_of_21_get_the_same_answer():
    winners = {decide(RULES, {"team_size": size}).orchestrator for size in range(15, 26)}
    assert winners == {"metaflow"}


def test_no_answers_gives_the_default_and_says_so():
    decision = decide(RULES, {})
    assert decision.orchestrator == "metaflow"
    assert decision.confidence.label != "robust"
    assert "Nothing is answered" in decision.notes[0]
    assert set(decision.scores.values()) == {0}


def test_no_cluster_vetoes_kubeflow_and_names_the_answers_that_would_lift_it():
    (veto,) = decide(RULES, {"existing_kubernetes": "none"}).vetoes
    lifts = {need.criterion: need.answers for need in veto.lifted_by}
    assert (veto.id, veto.orchestrator) == ("no-cluster", "kubeflow")
    assert lifts == {"existing_platform": ("vertex",), "cloud": ("gcp",)}
    assert not decide(RULES, {"existing_kubernetes": "none", "cloud": "gcp"}).vetoes


def test_a_decisive_gate_names_what_is_missing():
    answers = {
        "existing_kubernetes": "production",
        "platform_team": "dedicated",
        "gpu_scheduling": "multi_node",
        "team_size": 60,
        "local_dev_need": "not_needed",
    }
    decision = decide(RULES, answers)
    (gate,) = decision.gates
    assert decision.points["kubeflow"] > decision.points["metaflow"]
    assert (decision.orchestrator, decision.runner_up) == ("metaflow", "kubeflow")
    assert gate.decisive
    assert [need.criterion for need in gate.missing] == ["multi_tenant"]


def test_kubeflow_in_use_combines_with_the_winner():
    answers = {"existing_platform": "kubeflow", "local_dev_need": "must", "team_size": 5}
    decision = decide(RULES, {**answers, "platform_team": "none"})
    assert decision.orchestrator == "metaflow"
    assert "metaflow-kubeflow" in decision.combined[0]


def test_what_has_to_be_operated_follows_the_answers():
    on_vertex = {"existing_platform": "vertex", "cloud": "gcp", "gpu_scheduling": "tpu"}
    decision = decide(RULES, {**on_vertex, "local_dev_need": "not_needed"})
    always_on = RULES.orchestrator("kubeflow").operate
    assert decision.orchestrator == "kubeflow"
    assert decision.operate != always_on
    assert not any("at all times" in line for line in decision.operate)
    assert decide(RULES, {"existing_platform": "kubeflow"}).operate == always_on


def test_of_several_adjustments_the_last_one_says_what_to_operate():
    aws = Condition({"cloud": frozenset({"aws"})})
    silent = Adjustment(aws, "why", {}, ())
    first, last = (replace(silent, operate=(text,)) for text in ("first", "last"))
    metaflow = replace(RULES.orchestrator("metaflow"), adjustments=(first, last, silent))
    assert metaflow.operate_given({"cloud": "aws"}) == ("last",)
    assert metaflow.operate_given({}) == metaflow.operate


def test_decimal_weights_are_exact():
    decision = decide(RULES, {"cloud": "aws"}, {"cloud": 0.1})
    assert decision.points["metaflow"] == Fraction(4, 10)


def test_a_tie_within_the_margin_goes_to_the_first_in_the_policys_order():
    equal = {"local_dev_need": "not_needed", "tracking": "dont_care"}
    decision = decide(RULES, equal)
    assert len(set(decision.points.values())) == 1
    assert decision.orchestrator == RULES.policy.order[0]


def test_shuffled_rules_decide_the_same():
    criteria = list(RULES.criteria)
    random.Random(1).shuffle(criteria)
    answers = {"team_size": 30, "existing_kubernetes": "planned", "cloud": "azure"}
    shuffled = decide(replace(RULES, criteria=tuple(criteria)), answers)
    straight = decide(RULES, answers)
    assert shuffled.confidence.share == pytest.approx(straight.confidence.share, abs=0.001)
    assert shuffled.scores == straight.scores
