"""Fit scores and weighted sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from mlpo_cli.decision.conditions import Answer, Answers, Exact, Single, choices_of
from mlpo_cli.decision.model import Criterion, Evidence, Orchestrator, Rules
from mlpo_cli.decision.outcome import Contribution

Weights = Mapping[str, Exact]
"""Criterion id to weight. A criterion that is absent, or weighs 0, is switched off."""


def effective_weights(rules: Rules, overrides: Mapping[str, float]) -> dict[str, Exact]:
    """The weights in force, without the criteria that are switched off.

    A float is taken as the decimal that it prints as, so 0.1 is one tenth.
    """
    weights = {c.id: _exact(overrides.get(c.id, c.weight)) for c in rules.criteria}
    return {id: weight for id, weight in weights.items() if weight > 0}


def _exact(number: float | Exact) -> Exact:
    return Fraction(str(number)) if isinstance(number, float) else number


def fit(orchestrator: Orchestrator, criterion: str, answer: Answer, answers: Answers) -> Exact:
    """The 0-4 fit for one answer, after the adjustments that `answers` call for.

    Several choices fit as well as the one that fits worst.
    """
    if isinstance(answer, tuple):
        return min(_fit_choice(orchestrator, criterion, choice, answers) for choice in answer)
    return _fit_choice(orchestrator, criterion, answer, answers)


def _fit_choice(
    orchestrator: Orchestrator, criterion: str, choice: Single, answers: Answers
) -> Exact:
    adjusted = _adjusted(orchestrator, criterion, choice, answers)
    value = adjusted[0] if adjusted else orchestrator.rows[criterion].scores.at(choice)
    if value is None:
        raise ValueError(f"{orchestrator.id} has no score for {criterion}: {choice!r}")
    return value


def _adjusted(
    orchestrator: Orchestrator, criterion: str, choice: Single, answers: Answers
) -> tuple[Exact, tuple[Evidence, ...]] | None:
    """The fit that an adjustment sets, with its evidence. Of several the last one counts."""
    for adjustment in reversed(orchestrator.adjustments):
        if criterion in adjustment.scores and adjustment.when.holds(answers):
            value = adjustment.scores[criterion].at(choice)
            if value is not None:
                return value, adjustment.evidence
    return None


def points(rules: Rules, answers: Answers, weights: Weights) -> dict[str, Exact]:
    """The weighted sum of each orchestrator over the answered criteria, not normalised."""
    return {
        o.id: sum(
            weight * fit(o, id, answers[id], answers)
            for id, weight in weights.items()
            if id in answers
        )
        for o in rules.orchestrators
    }


def contributions(rules: Rules, answers: Answers, weights: Weights) -> tuple[Contribution, ...]:
    """What each answered criterion adds to each weighted mean, in the order of the rules."""
    total = sum(weight for id, weight in weights.items() if id in answers)
    found = []
    for criterion in rules.criteria:
        id = criterion.id
        if id not in answers or id not in weights:
            continue
        fits = {o.id: fit(o, id, answers[id], answers) for o in rules.orchestrators}
        found.append(
            Contribution(
                criterion=id,
                answer=answers[id],
                weight=weights[id],
                fit=fits,
                points={o: Fraction(weights[id]) * value / total for o, value in fits.items()},
                evidence={o.id: _evidence(o, id, answers) for o in rules.orchestrators},
            )
        )
    return tuple(found)


def _evidence(orchestrator: Orchestrator, criterion: str, answers: Answers) -> tuple[Evidence, ...]:
    """The evidence of the row, then that of each adjustment that changes one of the choices."""
    choices = choices_of(answers[criterion])
    adjusted = [_adjusted(orchestrator, criterion, choice, answers) for choice in choices]
    added = dict.fromkeys(evidence for _, evidence in filter(None, adjusted))
    return sum(added, orchestrator.rows[criterion].evidence)


def corners(orchestrators: Iterable[Orchestrator], criterion: Criterion) -> list[int]:
    """Where the score line of one of them may bend, the ends of the range included."""
    bends = {criterion.minimum, criterion.maximum}
    for orchestrator in orchestrators:
        lines = [orchestrator.rows[criterion.id].scores]
        lines += [
            a.scores[criterion.id] for a in orchestrator.adjustments if criterion.id in a.scores
        ]
        bends |= {x for line in lines for x, _ in line.points}
    return sorted(x for x in bends if criterion.minimum <= x <= criterion.maximum)
