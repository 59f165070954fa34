"""Apply vetoes, gates and the tie-break: find who may win, and who wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlpo_cli.decision.conditions import Answers, Condition, Exact, Number, has_any
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import FiredGate, FiredVeto, Need
from mlpo_cli.decision.policy_model import Gate, Veto
from mlpo_cli.decision.score import Weights, compute_points


def find_vetoed(rules: Rules, answers: Answers) -> frozenset[str]:
    """Find the orchestrators that a veto takes out."""
    return frozenset(
        o for veto in rules.policy.vetoes if veto.when.holds(answers) for o in veto.orchestrators
    )


def is_closed(gate: Gate, answers: Answers, vetoed: frozenset[str]) -> bool:
    """Whether the gate applies and nothing opens it. `vetoed` are the vetoed orchestrators."""
    if not gate.when.holds(answers):
        return False
    if any(condition.holds(answers) for condition in gate.any_of):
        return False
    return not (gate.vetoed and vetoed.issuperset(gate.vetoed))


def find_candidates(rules: Rules, answers: Answers) -> tuple[str, ...]:
    """Find the orchestrators that may win, in the order of the tie-break.

    Those that are neither vetoed nor behind a closed gate. If there are none, all that are not
    vetoed: gates never leave a team without a candidate. So the result is empty only when every
    orchestrator is vetoed.
    """
    vetoed = find_vetoed(rules, answers)
    remaining = [o for o in list_in_tie_break_order(rules) if o not in vetoed]
    gated = {g.orchestrator for g in rules.policy.gates if is_closed(g, answers, vetoed)}
    return tuple(o for o in remaining if o not in gated) or tuple(remaining)


def list_in_tie_break_order(rules: Rules) -> list[str]:
    """List all orchestrators in the order of the tie-break; those not named there come last."""
    order = rules.policy.order
    ids = [o.id for o in rules.orchestrators]
    return sorted(ids, key=lambda id: order.index(id) if id in order else len(order))


def find_best(ids: Sequence[str], points: Mapping[str, Number], margin: Number) -> str | None:
    """Find the first of `ids` whose points are within `margin` of the most; None if empty."""
    if not ids:
        return None
    lowest = max(points[id] for id in ids) - margin
    return next(id for id in ids if points[id] >= lowest)


def find_leader(rules: Rules, answers: Answers, weights: Weights) -> str | None:
    """Find the winner for these answers; None when every orchestrator is vetoed.

    A criterion that is switched off counts as unanswered, for vetoes and gates as well.
    """
    answers = {id: answer for id, answer in answers.items() if id in weights}
    points = compute_points(rules, answers, weights)
    return find_best(find_candidates(rules, answers), points, rules.policy.margin)


def find_fired_vetoes(rules: Rules, answers: Answers) -> tuple[FiredVeto, ...]:
    """Find each veto that fired, once per orchestrator, with the open answers that would lift it.

    A veto "fires" when its condition holds.
    """
    return tuple(
        FiredVeto(veto.id, o, veto.message, _find_lifting_answers(rules, veto, answers))
        for veto in rules.policy.vetoes
        if veto.when.holds(answers)
        for o in veto.orchestrators
    )


def _find_lifting_answers(rules: Rules, veto: Veto, answers: Answers) -> tuple[Need, ...]:
    """Find the open answers that would lift a veto and contradict no other answer."""
    needs = []
    for id, exceptions in veto.when.unless.items():
        if id in answers:
            continue
        possible = [e for e in sorted(exceptions) if not rules.contradicted({**answers, id: e})]
        if possible:
            needs.append(Need(id, tuple(possible), None))
    return tuple(needs)


def find_fired_gates(
    rules: Rules, answers: Answers, points: Mapping[str, Exact]
) -> tuple[FiredGate, ...]:
    """Find each closed gate of an orchestrator that is not vetoed, and what would open it."""
    vetoed = find_vetoed(rules, answers)
    candidates = find_candidates(rules, answers)
    remaining = [o for o in list_in_tie_break_order(rules) if o not in vetoed]
    winner = find_best(candidates, points, rules.policy.margin)
    fired = []
    for gate in rules.policy.gates:
        if gate.orchestrator in vetoed or not is_closed(gate, answers, vetoed):
            continue
        if_opened = [o for o in remaining if o in candidates or o == gate.orchestrator]
        would_win = find_best(if_opened, points, rules.policy.margin) == gate.orchestrator
        fired.append(
            FiredGate(
                id=gate.id,
                orchestrator=gate.orchestrator,
                message=gate.message,
                missing=_find_missing_answers(gate.any_of, answers),
                decisive=would_win and winner != gate.orchestrator,
                overruled=gate.orchestrator in candidates,
            )
        )
    return tuple(fired)


def _find_missing_answers(conditions: tuple[Condition, ...], answers: Answers) -> tuple[Need, ...]:
    """Find what the condition with the fewest unmet entries lacks; of equals, the first."""
    needs_per_condition = [
        tuple(
            Need(id, tuple(sorted(accepted)), answers.get(id))
            for id, accepted in condition.met.items()
            if not has_any(answers.get(id), accepted)
        )
        for condition in conditions
    ]
    return min(needs_per_condition, key=len, default=())
