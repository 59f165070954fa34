"""Which open questions can still change the winner.

Decided by bounds, so it may name a question too many, and never one too few:

1. Which sets of candidates are still possible, given what the open answers can do to vetoes and
   gates (`outlook`)?
2. In each of them, who can still come out best, when every open answer goes as well for it, and as
   badly for its rivals, as the scores allow?
3. A question matters if it moves the gap between two such contenders, or decides whether one of
   them is a candidate.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, permutations, product

from mlpo_cli.decision.conditions import Answer, Answers, Exact
from mlpo_cli.decision.model import Criterion, Orchestrator, Rules
from mlpo_cli.decision.outcome import Flip, OpenQuestion
from mlpo_cli.decision.outlook import Outlook
from mlpo_cli.decision.score import Weights, corners

Gap = tuple[Exact, Exact]
"""The least and the most that one criterion can add to the points of one over another."""


def find(
    rules: Rules, answers: Answers, weights: Weights, flips: Iterable[Flip]
) -> tuple[OpenQuestion, ...]:
    """The open questions that matter: those whose answer alone flips the winner first.

    `answers` holds only criteria that are in `weights`; `flips` are the flips for the same three.
    """
    matter = _matter(rules, answers, weights)
    alone: dict[str, list[str | None]] = {id: [] for id in matter}
    for flip in flips:
        if flip.criterion in alone and flip.winner not in alone[flip.criterion]:
            alone[flip.criterion].append(flip.winner)
    found = [OpenQuestion(c.id, tuple(alone[c.id])) for c in rules.criteria if c.id in matter]
    return tuple(sorted(found, key=lambda question: not question.alone))


def _matter(rules: Rules, answers: Answers, weights: Weights) -> set[str]:
    outlook = Outlook(rules, answers, frozenset(id for id in weights if id not in answers))
    none_fits = [outlook.holds(veto.when) for veto in outlook.total]
    fields = outlook.fields()
    if not fields or any(not may.be_false for may in none_fits):
        return set()
    gaps = {
        (a.id, b.id): {
            c.id: _gap(a, b, c, weights[c.id], answers.get(c.id), outlook)
            for c in rules.criteria
            if c.id in weights
        }
        for a, b in permutations(rules.orchestrators, 2)
    }
    most = {pair: sum(high for _, high in by_id.values()) for pair, by_id in gaps.items()}
    found = set(outlook.open_in(veto.when for veto in outlook.total))
    for field in fields:
        contenders = [
            a
            for a in sorted(field)
            if all(most[a, b] >= -rules.policy.margin for b in field if b != a)
        ]
        for a in contenders:
            found |= outlook.deciders(a)
        for a, b in combinations(contenders, 2):
            found |= {id for id in outlook.open_ids if gaps[a, b][id] != (0, 0)}
            for orchestrator in (rules.orchestrator(a), rules.orchestrator(b)):
                found |= outlook.open_in(adj.when for adj in orchestrator.adjustments if adj.scores)
    return found


def _gap(
    a: Orchestrator,
    b: Orchestrator,
    criterion: Criterion,
    weight: Exact,
    known: Answer | None,
    outlook: Outlook,
) -> Gap:
    if known is not None:
        possible: list[Answer] = [known]
    elif criterion.choices:
        # Several choices need no look of their own. Say that i is the lowest of them for a, and j
        # for b: a's fit of i less b's fit of j lies between the gap of i and the gap of j.
        possible = list(criterion.choices)
    else:
        possible = list(corners((a, b), criterion))
    gaps = [
        weight * (ours - theirs)
        for answer in possible
        for ours, theirs in product(
            _fits(a, criterion.id, answer, outlook), _fits(b, criterion.id, answer, outlook)
        )
    ]
    if known is None:
        gaps.append(0)
    return min(gaps), max(gaps)


def _fits(
    orchestrator: Orchestrator, criterion: str, answer: Answer, outlook: Outlook
) -> list[Exact]:
    """Every fit that the adjustments can still leave for this answer."""
    if isinstance(answer, tuple):
        return _lowest_fits([_fits(orchestrator, criterion, choice, outlook) for choice in answer])
    found: list[Exact] = []
    for adjustment in reversed(orchestrator.adjustments):
        if criterion not in adjustment.scores:
            continue
        value = adjustment.scores[criterion].at(answer)
        may = outlook.holds(adjustment.when)
        if value is not None and may.be_true:
            found.append(value)
            if not may.be_false:
                return found
    base = orchestrator.rows[criterion].scores.at(answer)
    return found if base is None else [*found, base]


def _lowest_fits(per_choice: Iterable[Iterable[Exact]]) -> list[Exact]:
    """Every value that the lowest can have of one fit per choice."""
    first, *others = per_choice
    lowest = set(first)
    for fits in others:
        lowest = {min(pair) for pair in product(lowest, fits)}
    return sorted(lowest)
