"""Find the open questions that can still change the winner.

The result may include a question that cannot change the winner, but never misses one that can,
because it is computed from bounds.

1. Find which sets of candidates are still possible, given what the open answers can do to vetoes
   and gates (`outlook`).
2. In each set, find the contenders: those that come first when every open answer is as good for
   them, and as bad for their rivals, as the scores allow.
3. A question matters if it changes the difference in points between two contenders, or decides
   whether one of them is a candidate.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, permutations, product

from mlpo_cli.decision.conditions import Answer, Answers, Exact
from mlpo_cli.decision.model import Criterion, Orchestrator, Rules
from mlpo_cli.decision.outcome import Flip, OpenQuestion
from mlpo_cli.decision.outlook import Outlook
from mlpo_cli.decision.score import Weights, find_corners

Gap = tuple[Exact, Exact]
"""The least and the most that one criterion can add to the lead of one orchestrator over another.

Both may be negative."""


def find_open_questions(
    rules: Rules, answers: Answers, weights: Weights, flips: Iterable[Flip]
) -> tuple[OpenQuestion, ...]:
    """Find the open questions that matter. Those whose answer alone changes the winner come first.

    `answers` holds only criteria that are in `weights`; `flips` are the flips for the other three
    arguments.
    """
    ids = _find_ids(rules, answers, weights)
    winners: dict[str, list[str | None]] = {id: [] for id in ids}
    for flip in flips:
        if flip.criterion in winners and flip.winner not in winners[flip.criterion]:
            winners[flip.criterion].append(flip.winner)
    questions = [OpenQuestion(c.id, tuple(winners[c.id])) for c in rules.criteria if c.id in ids]
    return tuple(sorted(questions, key=lambda question: not question.alone))


def _find_ids(rules: Rules, answers: Answers, weights: Weights) -> set[str]:
    """Find the ids of the open questions that matter."""
    outlook = Outlook(rules, answers, frozenset(id for id in weights if id not in answers))
    none_fits = [outlook.check_condition(veto.when) for veto in outlook.vetoes_on_all]
    candidate_sets = outlook.find_candidate_sets()
    if not candidate_sets or any(not veto.can_be_false for veto in none_fits):
        return set()
    gaps = {
        (a.id, b.id): {
            c.id: _compute_gap(a, b, c, weights[c.id], answers.get(c.id), outlook)
            for c in rules.criteria
            if c.id in weights
        }
        for a, b in permutations(rules.orchestrators, 2)
    }
    largest_lead = {pair: sum(most for _, most in by_id.values()) for pair, by_id in gaps.items()}
    ids = set(outlook.find_open_questions(veto.when for veto in outlook.vetoes_on_all))
    for candidates in candidate_sets:
        contenders = [
            a
            for a in sorted(candidates)
            if all(largest_lead[a, b] >= -rules.policy.margin for b in candidates if b != a)
        ]
        for a in contenders:
            ids |= outlook.find_candidacy_questions(a)
        for a, b in combinations(contenders, 2):
            ids |= {id for id in outlook.open_ids if gaps[a, b][id] != (0, 0)}
            for orchestrator in (rules.orchestrator(a), rules.orchestrator(b)):
                ids |= outlook.find_open_questions(
                    adjustment.when for adjustment in orchestrator.adjustments if adjustment.scores
                )
    return ids


def _compute_gap(
    a: Orchestrator,
    b: Orchestrator,
    criterion: Criterion,
    weight: Exact,
    answer: Answer | None,
    outlook: Outlook,
) -> Gap:
    """Compute the bounds of what one criterion adds to the lead of `a` over `b`."""
    if answer is not None:
        possible: list[Answer] = [answer]
    elif criterion.choices:
        # Answers of several choices need no check of their own. Let i be the choice among them that
        # is lowest for a, and j the one that is lowest for b: then a's fit of i less b's fit of j
        # lies between the gap of i and the gap of j.
        possible = list(criterion.choices)
    else:
        possible = list(find_corners((a, b), criterion))
    gaps = [
        weight * (fit_of_a - fit_of_b)
        for each in possible
        for fit_of_a, fit_of_b in product(
            _list_fits(a, criterion.id, each, outlook), _list_fits(b, criterion.id, each, outlook)
        )
    ]
    if answer is None:
        gaps.append(0)  # the question may stay open
    return min(gaps), max(gaps)


def _list_fits(
    orchestrator: Orchestrator, criterion: str, answer: Answer, outlook: Outlook
) -> list[Exact]:
    """List every fit of this answer that is possible under the adjustments that can still apply."""
    if isinstance(answer, tuple):
        return _list_lowest_fits(
            [_list_fits(orchestrator, criterion, choice, outlook) for choice in answer]
        )
    fits: list[Exact] = []
    for adjustment in reversed(orchestrator.adjustments):
        if criterion not in adjustment.scores:
            continue
        fit = adjustment.scores[criterion].get_fit(answer)
        applies = outlook.check_condition(adjustment.when)
        if fit is not None and applies.can_be_true:
            fits.append(fit)
            if not applies.can_be_false:
                return fits
    base = orchestrator.rows[criterion].scores.get_fit(answer)
    return fits if base is None else [*fits, base]


def _list_lowest_fits(fits_per_choice: Iterable[Iterable[Exact]]) -> list[Exact]:
    """List what the lowest fit of several choices can be, given the possible fits of each."""
    first, *others = fits_per_choice
    lowest = set(first)
    for fits in others:
        lowest = {min(pair) for pair in product(lowest, fits)}
    return sorted(lowest)
