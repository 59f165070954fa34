"""Only questions that can still change the result are asked, and each says why."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from level_rules import LAPTOP, load_level_rules
from support import EXAMPLES, IDS, RULES, WEIGHTS, all_answers

from mlpo_cli.decision.policy import find_leader
from mlpo_cli.interview.plan import CORE, next_question
from mlpo_cli.yamlmap import parse_yaml


def interviewed(answers, unsure=(), rules=RULES):
    """Ask to the end, with "not sure" where `answers` has none. Returns questions and answers."""
    weights = {c.id: c.weight for c in rules.criteria}
    known, open_ids, questions = {}, set(), []
    while question := next_question(rules, weights, known, open_ids):
        id = question.criterion.id
        questions.append(question)
        if id in answers and id not in unsure:
            known[id] = answers[id]
        else:
            open_ids.add(id)
    return questions, known


def test_the_products_own_four_come_first_and_say_so():
    questions, _ = interviewed({})
    assert [q.criterion.id for q in questions[:CORE]] == IDS[:CORE]
    assert questions[0].progress == "Question 1 of 4."
    assert not any(q.optional for q in questions[:CORE])
    assert all(q.optional for q in questions[CORE:])


def test_a_question_says_who_leads_and_what_the_answer_could_change():
    answers = parse_yaml((EXAMPLES / "startup.yaml").read_text(encoding="utf-8"), "x").data[
        "criteria"
    ]
    questions, _ = interviewed(answers, rules=load_level_rules(**LAPTOP))
    first = questions[CORE]
    assert first.progress.startswith("So far: Metaflow. ")
    assert first.progress.endswith("more questions could still change this.")
    assert first.why == "the answer could rule out all of them"


def test_with_nothing_known_nobody_leads():
    """The default of the policy is no finding about the team."""
    question = next_question(RULES, WEIGHTS, {}, IDS[:CORE])
    assert question.progress.startswith("So far nothing is answered. ")
    assert question.progress.endswith(" more questions could decide this.")
    titles = [orchestrator.title for orchestrator in RULES.orchestrators]
    assert not any(title in question.progress for title in titles)


def test_an_answer_that_can_change_the_leader_names_the_other():
    questions, _ = interviewed({})
    (neutral,) = [q for q in questions if q.criterion.id == "vendor_neutral"]
    assert neutral.why == "the answer could put ZenML first"


@pytest.mark.slow
@settings(max_examples=40)
@given(all_answers(), st.sets(st.sampled_from(IDS), max_size=3))
def test_whatever_was_not_asked_could_not_have_changed_the_winner(answers, unsure):
    questions, known = interviewed(answers, unsure)
    ids = [q.criterion.id for q in questions]
    assert len(ids) == len(set(ids))
    skipped = {id: a for id, a in answers.items() if id not in ids}
    assert find_leader(RULES, {**known, **skipped}, WEIGHTS) == find_leader(RULES, known, WEIGHTS)


def test_a_criterion_that_is_switched_off_is_never_asked():
    weights = {id: weight for id, weight in WEIGHTS.items() if id not in ("team_size", "cloud")}
    known, asked = {}, []
    while question := next_question(RULES, weights, {}, known):
        asked.append(question.criterion.id)
        known[question.criterion.id] = None
    assert "team_size" not in asked
    assert "cloud" not in asked


def test_when_nothing_fits_whatever_comes_next_the_questions_end():
    core = {"team_size": 3, "existing_kubernetes": "none", "local_dev_need": "must"}
    answers = {**core, "gpu_scheduling": "none", "workload": "single_job"}
    assert next_question(RULES, WEIGHTS, answers) is None
