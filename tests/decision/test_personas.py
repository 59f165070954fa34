"""Real and constructed teams get the right answer, and each rule is seen from both sides."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import RULES

from mlpo_cli.decision.engine import decide
from mlpo_cli.yamlmap import parse_yaml

DATA = Path(__file__).parents[1] / "data"


def load_personas(name):
    return parse_yaml((DATA / name).read_text(encoding="utf-8"), name).data["personas"]


CASES = load_personas("personas_cases.yaml")
PERSONAS = [
    *load_personas("personas_public.yaml"),
    *load_personas("personas_policy.yaml"),
    *CASES,
]
DECISIONS = {persona["id"]: decide(RULES, persona["answers"]) for persona in PERSONAS}


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona["id"])
def test_each_persona_gets_an_answer_that_is_right(persona):
    orchestrator = DECISIONS[persona["id"]].orchestrator
    right = [persona["expected"]]
    if persona.get("ambiguous"):
        right += persona["acceptable_second"]
    assert orchestrator in right, persona["why"]
    assert orchestrator not in persona.get("must_not", [])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_each_case_is_told_what_it_must_know_and_how_sure_that_is(case):
    decision = DECISIONS[case["id"]]
    fired = [*decision.vetoes, *decision.gates]
    report = "\n".join(
        [*decision.operate, *decision.notes, *decision.combined, *(rule.message for rule in fired)]
    )
    assert [words for words in case.get("says", []) if words not in report] == []
    assert [words for words in case.get("says_not", []) if words in report] == []
    assert decision.confidence.label in case.get("labels", [decision.confidence.label])
    favourite = decision.confidence.favourite
    assert favourite == case.get("favourite", favourite)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_no_case_gives_answers_that_cannot_both_be_true(case):
    assert not RULES.contradicted(case["answers"])


NEW_RULES = [
    *(
        (adjustment.why, adjustment.when)
        for o in RULES.orchestrators
        for adjustment in o.adjustments
    ),
    *((note.id, condition) for note in RULES.policy.notes for condition in note.any_of),
]


@pytest.mark.parametrize(
    "condition", [when for _, when in NEW_RULES], ids=[id for id, _ in NEW_RULES]
)
def test_each_adjustment_and_note_has_a_persona_on_each_side(condition):
    assert {condition.holds(decision.answers) for decision in DECISIONS.values()} == {True, False}


@pytest.mark.parametrize("veto", RULES.policy.vetoes, ids=lambda veto: veto.id)
def test_each_veto_has_a_persona_on_each_side(veto):
    fired = {veto.when.holds(decision.answers) for decision in DECISIONS.values()}
    assert fired == {True, False}


@pytest.mark.parametrize("gate", RULES.policy.gates, ids=lambda gate: gate.id)
def test_each_gate_has_a_persona_on_each_side(gate):
    shut = {
        any(fired.id == gate.id for fired in decision.gates)
        for decision in DECISIONS.values()
        if all(veto.orchestrator != gate.orchestrator for veto in decision.vetoes)
    }
    decisive = [
        d for d in DECISIONS.values() if any(g.id == gate.id and g.decisive for g in d.gates)
    ]
    assert shut == {True, False}
    assert decisive, "no persona shows that the gate matters"


def test_no_answer_at_all_names_the_questions_to_settle_first():
    decision = DECISIONS["c-all-unknown"]
    assert decision.confidence.label != "robust"
    assert decision.open_questions[0].alone


def test_slurm_named_for_gpus_and_as_the_platform_in_use_counts_once():
    lab = {"team_size": 6, "local_dev_need": "must", "gpu_scheduling": "slurm"}
    once, twice = decide(RULES, lab), decide(RULES, {**lab, "existing_platform": "slurm"})
    added = {id: twice.points[id] - once.points[id] for id in once.points}
    assert len(set(added.values())) == 1


@pytest.mark.slow
def test_one_person_more_or_less_around_20_changes_nothing():
    """Numbers are scored on a line, without a step at a round number."""
    assert len({decide(RULES, {"team_size": size}).orchestrator for size in range(15, 26)}) == 1
