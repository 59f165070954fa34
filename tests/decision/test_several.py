"""An answer of several choices counts as the one that fits worst, and meets what one of them meets.

Most of this runs on the shipped rules with `several: true` on every criterion that can have it, so
that vetoes, gates, adjustments and contradictions read answers of several choices.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from itertools import permutations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support import RULES, WEIGHTS, all_answers, answer_to, several_of, some_answers, some_weights

from mlpo_cli.decision import flips, questions
from mlpo_cli.decision.conditions import Answers, Condition
from mlpo_cli.decision.engine import decide
from mlpo_cli.decision.model import Rules, Scores
from mlpo_cli.decision.policy import find_leader
from mlpo_cli.decision.score import compute_fit, resolve_weights
from mlpo_cli.reports.jsondoc import decision_document, dumps


def _with_several(ids) -> Rules:
    """The shipped rules, where these criteria and no others take several choices.

    With few draws, so that whole Decisions can be compared quickly.
    """
    criteria = tuple(replace(c, several=c.id in ids) for c in RULES.criteria)
    confidence = replace(RULES.policy.confidence, draws=50)
    return replace(RULES, criteria=criteria, policy=replace(RULES.policy, confidence=confidence))


COMBINABLE = [
    replace(c, several=True) for c in RULES.criteria if len(set(c.choices) - c.indifferent) > 1
]
NONE, EVERY = _with_several([]), _with_several([c.id for c in COMBINABLE])
few = settings(max_examples=25)
answers_to_every = st.fixed_dictionaries({}, optional={c.id: answer_to(c) for c in EVERY.criteria})
completed_every = st.fixed_dictionaries({c.id: answer_to(c) for c in EVERY.criteria})


def document(rules: Rules, answers: Answers) -> str:
    return dumps(decision_document(decide(rules, answers)))


@pytest.mark.slow
@few
@given(st.fixed_dictionaries({}, optional={c.id: answer_to(c) for c in NONE.criteria}))
def test_answers_of_one_choice_give_the_same_bytes_whether_several_may_be_given_or_not(answers):
    assert document(EVERY, answers) == document(NONE, answers)


@few
@given(some_answers(), st.sampled_from(COMBINABLE), st.data())
def test_a_list_of_one_choice_is_that_choice(answers, criterion, data):
    choice = data.draw(st.sampled_from(list(criterion.choices)))
    as_list = document(EVERY, {**answers, criterion.id: [choice]})
    assert as_list == document(EVERY, {**answers, criterion.id: choice})


@pytest.mark.slow
@few
@given(answers_to_every, st.randoms(use_true_random=False))
def test_the_order_of_the_choices_is_irrelevant(answers, shuffler):
    def shuffle(answer):
        return shuffler.sample(answer, len(answer)) if isinstance(answer, tuple) else answer

    shuffled = {id: shuffle(answer) for id, answer in answers.items()}
    assert decide(EVERY, shuffled) == decide(EVERY, answers)


@pytest.mark.slow
@settings(max_examples=100)
@given(answers_to_every, st.sampled_from(COMBINABLE), st.data())
def test_several_choices_fit_as_well_as_the_one_that_fits_worst(answers, criterion, data):
    choices = data.draw(several_of(criterion))
    answers = {**answers, criterion.id: choices}
    for o in EVERY.orchestrators:
        each = [compute_fit(o, criterion.id, choice, answers) for choice in choices]
        assert compute_fit(o, criterion.id, choices, answers) == min(each)


@pytest.mark.slow
@settings(max_examples=100)
@given(answers_to_every, st.sampled_from(COMBINABLE), st.data())
def test_one_more_choice_never_raises_a_fit(answers, criterion, data):
    """But for an adjustment, which another choice of the criterion that it reads can call for."""
    read = {id for o in EVERY.orchestrators for a in o.adjustments for id in a.when.criteria}
    assume(criterion.id not in read)
    more = data.draw(several_of(criterion))
    dropped = data.draw(st.sampled_from(more))
    fewer = criterion.normalise([choice for choice in more if choice != dropped])
    before, after = {**answers, criterion.id: fewer}, {**answers, criterion.id: more}
    for o in EVERY.orchestrators:
        for id, answer in after.items():
            assert compute_fit(o, id, answer, after) <= compute_fit(o, id, before[id], before)


@few
@given(answers_to_every)
def test_the_decision_holds_together(answers):
    decision = decide(EVERY, answers)
    for id, score in decision.scores.items():
        assert sum(c.score_parts[id] for c in decision.contributions) == score
    assert decision.answers == answers
    assert decision.orchestrator not in {veto.orchestrator for veto in decision.vetoes}


def _change_conditions(value, change):
    """The rules with `change` applied to every condition in them."""
    if isinstance(value, Condition):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_change_conditions(item, change) for item in value)
    if isinstance(value, dict):
        return {key: _change_conditions(item, change) for key, item in value.items()}
    if is_dataclass(value):
        names = [field.name for field in fields(value)]
        return replace(value, **{n: _change_conditions(getattr(value, n), change) for n in names})
    return value


def _with_one_choice_for(id, choices):
    """The rules with a choice "all" of a criterion that stands for several of its choices."""

    def lists(by_criterion):
        return {
            criterion: fitting | {"all"} if criterion == id and fitting & {*choices} else fitting
            for criterion, fitting in by_criterion.items()
        }

    def scores(o):
        base = o.rows[id].scores.cells
        with_all = {**base, "all": min(base[choice] for choice in choices)}
        adjustments = []
        for adjustment in o.adjustments:
            own = {**base, **adjustment.scores[id].cells} if id in adjustment.scores else {}
            cells = {**own, "all": min(own[choice] for choice in choices)} if own else {}
            by_criterion = {**adjustment.scores, **({id: Scores(cells=cells)} if own else {})}
            adjustments.append(replace(adjustment, scores=by_criterion))
        row = replace(o.rows[id], scores=Scores(cells=with_all))
        return replace(o, rows={**o.rows, id: row}, adjustments=tuple(adjustments))

    rules = _change_conditions(
        EVERY, lambda c: replace(c, met=lists(c.met), unless=lists(c.unless))
    )
    criteria = [
        replace(c, choices={**c.choices, "all": "made up"}) if c.id == id else c
        for c in rules.criteria
    ]
    orchestrators = tuple(scores(o) for o in rules.orchestrators)
    return replace(rules, criteria=tuple(criteria), orchestrators=orchestrators)


@pytest.mark.slow
@few
@given(some_answers(), st.sampled_from(COMBINABLE), st.data())
def test_several_choices_decide_as_one_choice_that_stands_for_them(answers, criterion, data):
    """One that fits as the worst of them does, and is in each list that one of them is in."""
    for o in EVERY.orchestrators:
        assume(sum(criterion.id in adjustment.scores for adjustment in o.adjustments) < 2)
    choices = data.draw(several_of(criterion))
    rules = _with_one_choice_for(criterion.id, choices)
    several = decide(EVERY, {**answers, criterion.id: choices})
    one = decide(rules, {**answers, criterion.id: "all"})
    same = ("verdict", "orchestrator", "runner_up", "confidence", "points", "vetoes", "combined")
    for part in same:
        assert getattr(several, part) == getattr(one, part), part
    for part in ("gates", "open_questions"):
        ids = [
            [getattr(x, "id", None) or x.criterion for x in getattr(d, part)]
            for d in (several, one)
        ]
        assert ids[0] == ids[1], part


def _is_near(criterion, given, answer):
    """Whether a flip from `given` may lead to `answer`."""
    if not isinstance(answer, tuple):
        return True
    return isinstance(given, tuple) and len({*answer} ^ {*given}) == 1


@pytest.mark.slow
@settings(max_examples=60)
@given(answers_to_every, some_weights(), st.sampled_from(COMBINABLE), st.data())
def test_flips_are_exact(answers, overrides, criterion, data):
    weights = resolve_weights(EVERY, overrides)
    assume(criterion.id in weights)
    known = {id: answer for id, answer in answers.items() if id in weights}
    if data.draw(st.booleans()):
        known[criterion.id] = data.draw(several_of(criterion))
    now, from_ = find_leader(EVERY, known, weights), known.get(criterion.id)
    found = flips.find_flips(EVERY, known, weights)
    reported = {f.to: f.winner for f in found if f.criterion == criterion.id}
    assert len(reported) == sum(f.criterion == criterion.id for f in found)
    for to, winner in reported.items():
        assert _is_near(criterion, from_, to)
        assert winner == find_leader(EVERY, {**known, criterion.id: to}, weights) != now
    other = data.draw(answer_to(criterion))
    if _is_near(criterion, from_, other) and other not in reported:
        assert find_leader(EVERY, {**known, criterion.id: other}, weights) == now


def test_from_several_choices_a_flip_takes_one_away_or_adds_one():
    criterion = RULES.criterion("compliance")
    known = {"existing_kubernetes": "production", "multi_tenant": "single", "dev_os": "windows"}
    both = {**known, "compliance": ("lineage", "airgapped"), "budget": "oss_only"}
    assert find_leader(RULES, both, WEIGHTS) == "zenml"
    (all_three,) = [f for f in flips.find_flips(RULES, both, WEIGHTS) if isinstance(f.to, tuple)]
    assert (all_three.to, all_three.winner) == (
        ("lineage", "access_control", "airgapped"),
        "kubeflow",
    )
    back = {**both, "compliance": all_three.to}
    ways = {f.to for f in flips.find_flips(RULES, back, WEIGHTS) if f.criterion == criterion.id}
    assert ("lineage", "airgapped") in ways
    assert ("access_control", "airgapped") not in ways


@pytest.mark.slow
@settings(max_examples=150)
@given(answers_to_every, completed_every, some_answers(), st.data())
def test_a_question_that_is_not_asked_never_changes_the_winner(answers, rest, dropped, data):
    changes = flips.find_flips(EVERY, answers, WEIGHTS)
    asked = {q.criterion for q in questions.find_open_questions(EVERY, answers, WEIGHTS, changes)}
    completed = {**{id: a for id, a in rest.items() if id not in dropped}, **answers}
    for criterion in EVERY.criteria:
        if criterion.id not in answers and criterion.id not in asked:
            others = {id: answer for id, answer in completed.items() if id != criterion.id}
            reply = data.draw(answer_to(criterion))
            with_it = find_leader(EVERY, {**others, criterion.id: reply}, WEIGHTS)
            assert with_it == find_leader(EVERY, others, WEIGHTS), (criterion.id, reply)


@settings(max_examples=100)
@given(answers_to_every, st.sampled_from(COMBINABLE), st.data())
def test_the_gap_of_several_choices_lies_between_the_gaps_of_two_of_them(answers, criterion, data):
    """Questions rest on it: they look at single choices only."""
    choices = data.draw(several_of(criterion))
    answers = {**answers, criterion.id: choices}
    for a, b in permutations(EVERY.orchestrators, 2):

        def gap(answer, a=a, b=b):
            return compute_fit(a, criterion.id, answer, answers) - compute_fit(
                b, criterion.id, answer, answers
            )

        each = [gap(choice) for choice in choices]
        assert min(each) <= gap(choices) <= max(each)


@pytest.mark.slow
@settings(max_examples=30)
@given(all_answers())
def test_an_answer_of_several_choices_is_not_asked_for_again(answers):
    answers["compliance"] = ("lineage", "airgapped")
    found = questions.find_open_questions(
        RULES, answers, WEIGHTS, flips.find_flips(RULES, answers, WEIGHTS)
    )
    assert found == ()


CONDITION = Condition({"cloud": frozenset({"aws", "gcp"})}, {"tracking": frozenset({"builtin"})})


@pytest.mark.parametrize(
    ("answers", "holds"),
    [
        ({"cloud": ("aws", "on_prem")}, True),
        ({"cloud": ("azure", "on_prem")}, False),
        ({"cloud": ("aws", "gcp"), "tracking": ("builtin", "bring_own")}, False),
        ({"cloud": "aws", "tracking": "bring_own"}, True),
    ],
)
def test_one_choice_is_enough_to_meet_a_condition_or_to_be_an_exception(answers, holds):
    assert CONDITION.holds(answers) is holds


def test_a_veto_and_a_contradiction_apply_if_one_of_the_choices_is_meant():
    bank = {"compliance": ["lineage", "access_control", "airgapped"], "budget": "oss_only"}
    assert [veto.id for veto in decide(RULES, bank).vetoes] == ["zenml-oss-no-rbac"]
    both = {"existing_kubernetes": "none", "existing_platform": ("kubeflow", "airflow")}
    assert EVERY.contradicted(both)
    assert not EVERY.contradicted({**both, "existing_platform": ("slurm", "airflow")})


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("compliance", []),
        ("compliance", ["lineage", "lineage"]),
        ("compliance", ["none", "lineage"]),
        ("compliance", ["lineage", "moon"]),
        ("compliance", [["lineage"]]),
        ("compliance", {"lineage": True}),
        ("cloud", ["aws", "gcp"]),
        ("cloud", ["aws"]),
        ("team_size", [8]),
    ],
)
def test_a_list_that_is_no_answer_is_refused(id, answer):
    with pytest.raises(ValueError, match=f"not an answer to {id}"):
        decide(RULES, {id: answer})
