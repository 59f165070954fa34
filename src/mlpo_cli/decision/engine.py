"""From rules and answers to a Decision."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from mlpo_cli.decision import confidence, flips, policy, questions, score
from mlpo_cli.decision.conditions import Answer, Answers, Exact
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import Confidence, Decision, FiredGate, Verdict


def decide(
    rules: Rules,
    answers: Mapping[str, Answer | None],
    weights: Mapping[str, float] | None = None,
) -> Decision:
    """Decide which orchestrator fits.

    `answers` maps criterion ids to a choice id or a whole number, or to a list of choice ids where
    the criterion takes several; None or absent means "not sure". `weights` replaces weights of the
    rules; a criterion of weight 0 is treated as if it did not exist, its vetoes and gates included.
    The same arguments always give an equal Decision.

    Raises ValueError for an id or an answer that the rules do not know, and for a weight that is
    not a finite number >= 0. Callers that read user input validate it first.
    """
    overrides = weights or {}
    given = _checked(rules, answers, overrides)
    in_force = score.effective_weights(rules, overrides)
    known = {id: answer for id, answer in given.items() if id in in_force}

    points = score.points(rules, known, in_force)
    total = sum(in_force[id] for id in known)
    may_win = policy.candidates(rules, known)
    winner = policy.best(may_win, points, rules.policy.margin)
    gates = policy.fired_gates(rules, known, points)
    sure = confidence.measure(rules, known, in_force, winner)
    changes = flips.possible(rules, known, in_force)
    return Decision(
        verdict=_verdict(winner, sure),
        orchestrator=winner,
        runner_up=_runner_up(rules, known, points, winner),
        confidence=sure,
        points=points,
        scores={id: Fraction(value) / total if total else 0 for id, value in points.items()},
        contributions=score.contributions(rules, known, in_force),
        vetoes=policy.fired_vetoes(rules, known),
        gates=gates,
        flips=changes,
        open_questions=questions.find(rules, known, in_force, changes),
        combined=tuple(
            c.message for c in rules.policy.combined if c.winner == winner and c.when.holds(known)
        ),
        operate=rules.orchestrator(winner).operate_given(known) if winner else (),
        notes=_notes(rules, known, gates, winner),
        answers={c.id: given[c.id] for c in rules.criteria if c.id in given},
        switched_off=tuple(c.id for c in rules.criteria if c.id not in in_force),
        rules_version=rules.version,
        reviewed=rules.reviewed,
    )


def _checked(
    rules: Rules, answers: Mapping[str, Answer | None], weights: Mapping[str, float]
) -> dict[str, Answer]:
    known = {c.id: c for c in rules.criteria}
    if unknown := sorted({*answers, *weights} - known.keys()):
        raise ValueError(f"unknown criteria: {', '.join(unknown)}")
    for id, weight in weights.items():
        if not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of {id} must be a finite number >= 0, not {weight}")
    given = {id: answer for id, answer in answers.items() if answer is not None}
    for id, answer in given.items():
        if not known[id].accepts(answer):
            raise ValueError(f"{answer!r} is not an answer to {id}")
    return {id: known[id].normalise(answer) for id, answer in given.items()}


def _verdict(winner: str | None, sure: Confidence) -> Verdict:
    if winner is None:
        return "none"
    return "toss-up" if sure.label == "toss-up" else "recommend"


def _runner_up(
    rules: Rules, answers: Answers, points: Mapping[str, Exact], winner: str | None
) -> str | None:
    """The best of the others that are not vetoed; a gate may leave it second at best."""
    out = policy.vetoed(rules, answers)
    others = [o for o in policy.in_order(rules) if o not in out and o != winner]
    return policy.best(others, points, rules.policy.margin)


def _notes(
    rules: Rules, answers: Answers, gates: tuple[FiredGate, ...], winner: str | None
) -> tuple[str, ...]:
    notes = []
    if winner is not None:
        notes += [note.message for note in rules.policy.notes if note.applies(answers)]
    if not answers:
        notes.append("No question is answered yet, so this is the default.")
    if any(gate.overruled for gate in gates):
        notes.append(
            "A rule keeps each remaining orchestrator from first place, so these rules were set "
            "aside."
        )
    return tuple(notes)
