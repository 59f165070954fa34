"""Make a Decision from rules and answers."""

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
    the criterion takes several. A criterion that is absent or None is "not sure". `weights`
    replaces weights of the rules. A criterion of weight 0 is treated as if it did not exist: the
    vetoes and gates that read it ignore its answer too. The same arguments always give an equal
    Decision.

    Raises ValueError for an id or an answer that the rules do not have, and for a weight that is
    not a finite number >= 0. Callers that read user input validate it first.
    """
    overrides = weights or {}
    all_answers = _check_arguments(rules, answers, overrides)
    active_weights = score.resolve_weights(rules, overrides)
    counted = {id: answer for id, answer in all_answers.items() if id in active_weights}

    points = score.compute_points(rules, counted, active_weights)
    total = sum(active_weights[id] for id in counted)
    candidates = policy.find_candidates(rules, counted)
    winner = policy.find_best(candidates, points, rules.policy.margin)
    gates = policy.find_fired_gates(rules, counted, points)
    measured = confidence.measure_confidence(rules, counted, active_weights, winner)
    possible_flips = flips.find_possible_flips(rules, counted, active_weights)
    return Decision(
        verdict=_choose_verdict(winner, measured),
        orchestrator=winner,
        runner_up=_find_runner_up(rules, counted, points, winner),
        confidence=measured,
        points=points,
        scores={id: Fraction(value) / total if total else 0 for id, value in points.items()},
        contributions=score.compute_contributions(rules, counted, active_weights),
        vetoes=policy.find_fired_vetoes(rules, counted),
        gates=gates,
        flips=possible_flips,
        open_questions=questions.find_open_questions(
            rules, counted, active_weights, possible_flips
        ),
        combined=tuple(
            c.message for c in rules.policy.combined if c.winner == winner and c.when.holds(counted)
        ),
        operate=rules.orchestrator(winner).select_operate(counted) if winner else (),
        notes=_collect_notes(rules, counted, gates, winner),
        answers={c.id: all_answers[c.id] for c in rules.criteria if c.id in all_answers},
        switched_off=tuple(c.id for c in rules.criteria if c.id not in active_weights),
        rules_version=rules.version,
        reviewed=rules.reviewed,
    )


def _check_arguments(
    rules: Rules, answers: Mapping[str, Answer | None], weights: Mapping[str, float]
) -> dict[str, Answer]:
    """Check the arguments of `decide`. Returns the answers that are not None, normalised."""
    criteria = {c.id: c for c in rules.criteria}
    if unknown := sorted({*answers, *weights} - criteria.keys()):
        raise ValueError(f"unknown criteria: {', '.join(unknown)}")
    for id, weight in weights.items():
        if not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of {id} must be a finite number >= 0, not {weight}")
    present = {id: answer for id, answer in answers.items() if answer is not None}
    for id, answer in present.items():
        if not criteria[id].accepts(answer):
            raise ValueError(f"{answer!r} is not an answer to {id}")
    return {id: criteria[id].normalise(answer) for id, answer in present.items()}


def _choose_verdict(winner: str | None, measured: Confidence) -> Verdict:
    if winner is None:
        return "none"
    return "toss-up" if measured.label == "toss-up" else "recommend"


def _find_runner_up(
    rules: Rules, answers: Answers, points: Mapping[str, Exact], winner: str | None
) -> str | None:
    """Find the best of the others that are not vetoed. It may be behind a gate."""
    vetoed = policy.find_vetoed(rules, answers)
    order = policy.list_in_tie_break_order(rules)
    others = [o for o in order if o not in vetoed and o != winner]
    return policy.find_best(others, points, rules.policy.margin)


def _collect_notes(
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
