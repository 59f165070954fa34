"""Compute fits, points and contributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from mlpo_cli.decision.conditions import Answer, Answers, Exact, Single, list_choices
from mlpo_cli.decision.model import Criterion, Evidence, Orchestrator, Rules
from mlpo_cli.decision.outcome import Contribution

Weights = Mapping[str, Exact]
"""Criterion id to weight. A criterion that is absent, or weighs 0, is switched off."""


def resolve_weights(rules: Rules, overrides: Mapping[str, float]) -> dict[str, Exact]:
    """Return the weights to use, without the criteria that are switched off.

    A float counts as the decimal that it is printed as, so 0.1 is exactly one tenth.
    """
    weights = {c.id: _make_exact(overrides.get(c.id, c.weight)) for c in rules.criteria}
    return {id: weight for id, weight in weights.items() if weight > 0}


def _make_exact(number: float | Exact) -> Exact:
    return Fraction(str(number)) if isinstance(number, float) else number


def compute_fit(
    orchestrator: Orchestrator, criterion: str, answer: Answer, answers: Answers
) -> Exact:
    """Compute the fit, 0-4, of one answer, with the adjustments that apply for `answers`.

    The fit of several choices is the lowest fit among them.
    """
    if isinstance(answer, tuple):
        return min(_compute_fit(orchestrator, criterion, choice, answers) for choice in answer)
    return _compute_fit(orchestrator, criterion, answer, answers)


def _compute_fit(
    orchestrator: Orchestrator, criterion: str, choice: Single, answers: Answers
) -> Exact:
    adjusted = _find_adjusted_fit(orchestrator, criterion, choice, answers)
    fit = adjusted[0] if adjusted else orchestrator.rows[criterion].scores.get_fit(choice)
    if fit is None:
        raise ValueError(f"{orchestrator.id} has no score for {criterion}: {choice!r}")
    return fit


def _find_adjusted_fit(
    orchestrator: Orchestrator, criterion: str, choice: Single, answers: Answers
) -> tuple[Exact, tuple[Evidence, ...]] | None:
    """Find the fit that an adjustment sets, with its evidence. Of several the last one counts."""
    for adjustment in reversed(orchestrator.adjustments):
        if criterion in adjustment.scores and adjustment.when.holds(answers):
            fit = adjustment.scores[criterion].get_fit(choice)
            if fit is not None:
                return fit, adjustment.evidence
    return None


def compute_points(rules: Rules, answers: Answers, weights: Weights) -> dict[str, Exact]:
    """Compute the points of each orchestrator: the sum of weight x fit over the answers."""
    return {
        o.id: sum(
            weight * compute_fit(o, id, answers[id], answers)
            for id, weight in weights.items()
            if id in answers
        )
        for o in rules.orchestrators
    }


def compute_contributions(
    rules: Rules, answers: Answers, weights: Weights
) -> tuple[Contribution, ...]:
    """Compute what each answered criterion adds to each score, in the order of the rules."""
    total = sum(weight for id, weight in weights.items() if id in answers)
    contributions = []
    for criterion in rules.criteria:
        id = criterion.id
        if id not in answers or id not in weights:
            continue
        fits = {o.id: compute_fit(o, id, answers[id], answers) for o in rules.orchestrators}
        contributions.append(
            Contribution(
                criterion=id,
                answer=answers[id],
                weight=weights[id],
                fit=fits,
                score_parts={o: Fraction(weights[id]) * fit / total for o, fit in fits.items()},
                evidence={o.id: _collect_evidence(o, id, answers) for o in rules.orchestrators},
            )
        )
    return tuple(contributions)


def _collect_evidence(
    orchestrator: Orchestrator, criterion: str, answers: Answers
) -> tuple[Evidence, ...]:
    """Collect the evidence of the row, then that of each adjustment that changes its fit."""
    choices = list_choices(answers[criterion])
    adjusted = [_find_adjusted_fit(orchestrator, criterion, c, answers) for c in choices]
    added = dict.fromkeys(evidence for _, evidence in filter(None, adjusted))
    return sum(added, orchestrator.rows[criterion].evidence)


def find_corners(orchestrators: Iterable[Orchestrator], criterion: Criterion) -> list[int]:
    """Find the numbers where a score line may change its slope, and both ends of the range."""
    corners = {criterion.minimum, criterion.maximum}
    for orchestrator in orchestrators:
        lines = [orchestrator.rows[criterion.id].scores]
        lines += [
            a.scores[criterion.id] for a in orchestrator.adjustments if criterion.id in a.scores
        ]
        corners |= {x for line in lines for x, _ in line.points}
    return sorted(x for x in corners if criterion.minimum <= x <= criterion.maximum)
