"""Find every change of one answer that changes the winner. Exact: nothing is sampled."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise
from math import floor

from mlpo_cli.decision.conditions import Answer, Answers
from mlpo_cli.decision.model import Criterion, Rules
from mlpo_cli.decision.outcome import Flip
from mlpo_cli.decision.policy import find_leader
from mlpo_cli.decision.score import Weights, compute_points, find_corners


def find_flips(rules: Rules, answers: Answers, weights: Weights) -> tuple[Flip, ...]:
    """Find all flips, in the order of the rules.

    For an open question, each answer that would change the winner is a flip too.
    """
    leader = find_leader(rules, answers, weights)
    flips: list[Flip] = []
    for criterion in rules.criteria:
        if criterion.id not in weights:
            continue
        answer = answers.get(criterion.id)
        if criterion.choices:
            for other in _list_other_answers(criterion, answer):
                winner = find_leader(rules, {**answers, criterion.id: other}, weights)
                if winner != leader:
                    flips.append(Flip(criterion.id, answer, other, other, winner))
        else:
            for first, last, winner in _find_ranges(rules, answers, weights, criterion):
                if winner != leader:
                    flips.append(Flip(criterion.id, answer, first, last, winner))
    return tuple(flips)


def _list_other_answers(criterion: Criterion, answer: Answer | None) -> list[Answer]:
    """List the answers that a flip can lead to: each choice alone.

    If `answer` has several choices, also the same without one of them, and with one more.
    """
    others: list[Answer] = list(criterion.choices)
    if isinstance(answer, tuple):
        addable = [
            c for c in criterion.choices if c not in answer and c not in criterion.indifferent
        ]
        fewer = [{*answer} - {choice} for choice in answer]
        more = [{*answer, choice} for choice in addable]
        others += [criterion.normalise(choices) for choices in (*fewer, *more)]
    return list(dict.fromkeys(others))


def find_possible_flips(rules: Rules, answers: Answers, weights: Weights) -> tuple[Flip, ...]:
    """Find the flips that do not contradict the other answers. Only these are reported."""
    return tuple(
        flip
        for flip in find_flips(rules, answers, weights)
        if not rules.contradicted({**answers, flip.criterion: flip.to})
    )


def _find_ranges(
    rules: Rules, answers: Answers, weights: Weights, criterion: Criterion
) -> list[tuple[int, int, str | None]]:
    """Divide the range of a number criterion into (first, last, winner), neighbours merged.

    Between two corners of the score lines, the points of each orchestrator are linear in the
    number. So the winner can change only where two orchestrators have equal points, or points that
    differ by exactly the tie margin.
    """
    starts = {criterion.minimum}
    for left, right in pairwise(find_corners(rules.orchestrators, criterion)):
        at_left = compute_points(rules, {**answers, criterion.id: left}, weights)
        at_right = compute_points(rules, {**answers, criterion.id: right}, weights)
        starts.add(left)
        for a, b in combinations(at_left, 2):
            gap = Fraction(at_left[a] - at_left[b])
            slope = (at_right[a] - at_right[b] - gap) / (right - left)
            for level in (-rules.policy.margin, 0, rules.policy.margin):
                if slope and 0 <= (crossing := (level - gap) / slope) <= right - left:
                    starts |= {left + floor(crossing), left + floor(crossing) + 1}
    ranges: list[tuple[int, int, str | None]] = []
    inside = sorted(start for start in starts if start <= criterion.maximum)
    for first, next_first in pairwise([*inside, criterion.maximum + 1]):
        winner = find_leader(rules, {**answers, criterion.id: first}, weights)
        has_same_winner = bool(ranges) and ranges[-1][2] == winner
        start = ranges.pop()[0] if has_same_winner else first
        ranges.append((start, next_first - 1, winner))
    return ranges
