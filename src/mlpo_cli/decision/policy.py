"""Vetoes, gates and the tie-break: who may win, and who does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlpo_cli.decision.conditions import Answers, Condition, Exact, Number, has_any
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import FiredGate, FiredVeto, Need
from mlpo_cli.decision.policy_model import Gate, Veto
from mlpo_cli.decision.score import Weights, points


def vetoed(rules: Rules, answers: Answers) -> frozenset[str]:
    """The orchestrators that a veto takes out."""
    return frozenset(
        o for veto in rules.policy.vetoes if veto.when.holds(answers) for o in veto.orchestrators
    )


def is_shut(gate: Gate, answers: Answers, out: frozenset[str]) -> bool:
    """Whether the gate applies and nothing opens it, given the vetoed orchestrators `out`."""
    if not gate.when.holds(answers):
        return False
    if any(condition.holds(answers) for condition in gate.any_of):
        return False
    return not (gate.vetoed and out.issuperset(gate.vetoed))


def candidates(rules: Rules, answers: Answers) -> tuple[str, ...]:
    """The orchestrators that may win, in the order of the tie-break.

    A gate orders the candidates and never empties the field: where all that is left is behind
    gates, all of it may win. Empty only when everything is vetoed.
    """
    out = vetoed(rules, answers)
    left = [o for o in in_order(rules) if o not in out]
    shut = {g.orchestrator for g in rules.policy.gates if is_shut(g, answers, out)}
    return tuple(o for o in left if o not in shut) or tuple(left)


def in_order(rules: Rules) -> list[str]:
    """All orchestrators in the order of the tie-break; those it does not name come last."""
    order = rules.policy.order
    ids = [o.id for o in rules.orchestrators]
    return sorted(ids, key=lambda id: order.index(id) if id in order else len(order))


def best(among: Sequence[str], by_points: Mapping[str, Number], margin: Number) -> str | None:
    """The first of `among` whose points lie within the margin of the best, None if empty."""
    if not among:
        return None
    bar = max(by_points[o] for o in among) - margin
    return next(o for o in among if by_points[o] >= bar)


def leader(rules: Rules, answers: Answers, weights: Weights) -> str | None:
    """The winner for these answers, None when every orchestrator is vetoed.

    A criterion that is switched off counts as unanswered, for vetoes and gates as well.
    """
    answers = {id: answer for id, answer in answers.items() if id in weights}
    by_points = points(rules, answers, weights)
    return best(candidates(rules, answers), by_points, rules.policy.margin)


def fired_vetoes(rules: Rules, answers: Answers) -> tuple[FiredVeto, ...]:
    """Each veto that fired, once per orchestrator, with the open answers that would lift it."""
    return tuple(
        FiredVeto(veto.id, o, veto.message, _lifted_by(rules, veto, answers))
        for veto in rules.policy.vetoes
        if veto.when.holds(answers)
        for o in veto.orchestrators
    )


def _lifted_by(rules: Rules, veto: Veto, answers: Answers) -> tuple[Need, ...]:
    """The open answers that would lift it, without those that the others rule out."""
    found = []
    for id, exceptions in veto.when.unless.items():
        if id not in answers:
            fits = [e for e in sorted(exceptions) if not rules.contradicted({**answers, id: e})]
            found += [Need(id, tuple(fits), None)] if fits else []
    return tuple(found)


def fired_gates(
    rules: Rules, answers: Answers, by_points: Mapping[str, Exact]
) -> tuple[FiredGate, ...]:
    """Each shut gate in front of an orchestrator that is not vetoed, and what would open it."""
    out = vetoed(rules, answers)
    may_win = candidates(rules, answers)
    left = [o for o in in_order(rules) if o not in out]
    winner = best(may_win, by_points, rules.policy.margin)
    fired = []
    for gate in rules.policy.gates:
        if gate.orchestrator in out or not is_shut(gate, answers, out):
            continue
        overruled = gate.orchestrator in may_win
        with_it = [o for o in left if o in may_win or o == gate.orchestrator]
        would_win = best(with_it, by_points, rules.policy.margin) == gate.orchestrator
        fired.append(
            FiredGate(
                id=gate.id,
                orchestrator=gate.orchestrator,
                message=gate.message,
                missing=_nearest(gate.any_of, answers),
                decisive=would_win and winner != gate.orchestrator,
                overruled=overruled,
            )
        )
    return tuple(fired)


def _nearest(conditions: tuple[Condition, ...], answers: Answers) -> tuple[Need, ...]:
    """What the condition with the fewest unmet entries still lacks; the first of equals."""
    lacking = [
        tuple(
            Need(id, tuple(sorted(fitting)), answers.get(id))
            for id, fitting in condition.met.items()
            if not has_any(answers.get(id), fitting)
        )
        for condition in conditions
    ]
    return min(lacking, key=len, default=())
