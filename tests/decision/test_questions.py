"""No question that can still change the answer is left out, and settled cases ask nothing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from support import RULES, WEIGHTS, all_answers, every_answer, some_answers

from mlpo_cli.decision import flips, questions
from mlpo_cli.decision.model import Scores
from mlpo_cli.decision.policy import leader


def _asked(answers):
    found = questions.find(RULES, answers, WEIGHTS, flips.find(RULES, answers, WEIGHTS))
    return [question.criterion for question in found]


@settings(max_examples=200)
@given(some_answers(), all_answers(), some_answers())
def test_a_question_that_is_not_asked_never_changes_the_winner(answers, rest, dropped):
    asked = _asked(answers)
    completed = {**{k: v for k, v in rest.items() if k not in dropped}, **answers}
    for criterion in RULES.criteria:
        if criterion.id in answers or criterion.id in asked:
            continue
        others = {id: answer for id, answer in completed.items() if id != criterion.id}
        possible = every_answer(criterion) or [1, 5, 15, 20, 40, 1000]
        winners = {leader(RULES, {**others, criterion.id: a}, WEIGHTS) for a in possible}
        assert winners == {leader(RULES, others, WEIGHTS)}, criterion.id


@settings(max_examples=60)
@given(some_answers())
def test_a_question_whose_answer_alone_flips_is_asked_first(answers):
    changes = flips.find(RULES, answers, WEIGHTS)
    found = questions.find(RULES, answers, WEIGHTS, changes)
    alone = {flip.criterion for flip in changes if flip.given is None}
    assert {q.criterion for q in found if q.alone} == alone
    assert [bool(q.alone) for q in found] == sorted((bool(q.alone) for q in found), reverse=True)


@settings(max_examples=60)
@given(all_answers())
def test_nothing_is_open_once_all_is_answered(answers):
    assert _asked(answers) == []


def test_nothing_else_matters_once_none_fits():
    assert _asked({"workload": "single_job"}) == []


def test_a_clear_case_asks_little_and_an_open_case_asks_much():
    clear = {
        "team_size": 5,
        "existing_kubernetes": "none",
        "local_dev_need": "must",
        "gpu_scheduling": "none",
        "workload": "pipeline",
        "multi_tenant": "single",
        "platform_team": "none",
        "vendor_neutral": "low",
        "time_to_first_run": "hours",
        "cloud": "aws",
        "budget": "lean",
        "existing_platform": "none",
        "dev_os": "linux_mac",
    }
    assert _asked(clear) == []
    assert len(_asked({})) == len(RULES.criteria)


def test_the_choice_that_could_veto_the_winner_is_asked():
    assert "dev_os" in _asked({"vendor_neutral": "low", "cloud": "aws", "workload": "pipeline"})


def _rules(criteria, rows):
    """The shipped rules with only these criteria, and other scores in some rows."""
    orchestrators = tuple(
        replace(
            o,
            rows={
                **o.rows,
                **{id: replace(o.rows[id], scores=by[o.id]) for id, by in rows.items()},
            },
        )
        for o in RULES.orchestrators
    )
    kept = tuple(RULES.criterion(id) for id in criteria)
    return replace(RULES, criteria=kept, orchestrators=orchestrators)


def _find(rules, answers, weights):
    found = questions.find(rules, answers, weights, flips.find(rules, answers, weights))
    return [question.criterion for question in found]


def test_a_question_that_only_a_veto_reads_is_asked():
    flat = Scores(cells={"linux_mac": 3, "windows": 3})
    rules = _rules(["cloud", "dev_os"], {"dev_os": {o.id: flat for o in RULES.orchestrators}})
    assert _find(rules, {"cloud": "aws"}, {"cloud": 1, "dev_os": 1}) == ["dev_os"]


def test_a_question_may_also_stay_unanswered():
    low, high = (Scores(cells=dict.fromkeys(["manual", "schedule", "event"], n)) for n in (3, 4))
    rows = {"trigger": {"metaflow": high, "zenml": low, "kubeflow": low}}
    rules = _rules(["cloud", "trigger"], rows)
    weights = {"cloud": Fraction(1, 4), "trigger": 1}
    assert leader(rules, {"cloud": "azure"}, weights) == "zenml"
    assert _find(rules, {"cloud": "azure"}, weights) == ["trigger"]


def test_a_question_that_only_an_adjustment_reads_is_asked():
    flat = Scores(cells=dict.fromkeys(["oss_only", "lean", "can_buy"], 3))
    rows = {"budget": {o.id: flat for o in RULES.orchestrators}}
    rules = _rules(["multi_tenant", "cloud", "budget"], rows)
    weights = {"multi_tenant": 1, "cloud": Fraction(1, 4), "budget": 1}
    known = {"multi_tenant": "shared", "cloud": "azure"}
    assert leader(rules, known, weights) == "metaflow"
    assert leader(rules, {**known, "budget": "can_buy"}, weights) == "zenml"
    assert _find(rules, known, weights) == ["budget"]


def test_a_question_is_asked_whose_adjustment_changes_the_lowest_of_several_choices():
    flat = Scores(cells=dict.fromkeys(["oss_only", "lean", "can_buy"], 3))
    tenancy = {
        "metaflow": Scores(cells={"single": 4, "shared": 2, "isolated": 0}),
        "zenml": Scores(cells={"single": 3, "shared": 1, "isolated": 0}),
        "kubeflow": Scores(cells={"single": 0, "shared": 0, "isolated": 0}),
    }
    rows = {"budget": {o.id: flat for o in RULES.orchestrators}, "multi_tenant": tenancy}
    rules = _rules(["multi_tenant", "budget"], rows)
    several = replace(rules.criterion("multi_tenant"), several=True)
    rules = replace(rules, criteria=(several, rules.criterion("budget")))
    weights = {"multi_tenant": 1, "budget": 1}
    known = {"multi_tenant": ("single", "shared")}
    assert leader(rules, known, weights) == "metaflow"
    assert leader(rules, {**known, "budget": "can_buy"}, weights) == "zenml"
    assert _find(rules, known, weights) == ["budget"]
