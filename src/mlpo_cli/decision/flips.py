"""Every change of one answer that changes the winner. Exact, with no sampling."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise
from math import floor

from mlpo_cli.decision.conditions import Answer, Answers
from mlpo_cli.decision.model import Criterion, Rules
from mlpo_cli.decision.outcome import Flip
from mlpo_cli.decision.policy import leader
from mlpo_cli.decision.score import Weights, corners, points


def find(rules: Rules, answers: Answers, weights: Weights) -> tuple[Flip, ...]:
    """All flips, in the order of the rules; open questions included, as answered that way."""
    now = leader(rules, answers, weights)
    found: list[Flip] = []
    for criterion in rules.criteria:
        if criterion.id not in weights:
            continue
        given = answers.get(criterion.id)
        if criterion.choices:
            for other in _other_answers(criterion, given):
                winner = leader(rules, {**answers, criterion.id: other}, weights)
                if winner != now:
                    found.append(Flip(criterion.id, given, other, other, winner))
        else:
            for first, last, winner in _number_ranges(rules, answers, weights, criterion):
                if winner != now:
                    found.append(Flip(criterion.id, given, first, last, winner))
    return tuple(found)


def _other_answers(criterion: Criterion, given: Answer | None) -> list[Answer]:
    """The answers that a flip can lead to: each choice alone.

    From an answer of several choices also the same without one of them, and with one more.
    """
    others: list[Answer] = list(criterion.choices)
    if isinstance(given, tuple):
        more = [c for c in criterion.choices if c not in given and c not in criterion.indifferent]
        near = [*({*given} - {choice} for choice in given), *({*given, choice} for choice in more)]
        others += [criterion.normalise(choices) for choices in near]
    return list(dict.fromkeys(others))


def possible(rules: Rules, answers: Answers, weights: Weights) -> tuple[Flip, ...]:
    """The flips to an answer that can be true together with the others: what a person is told."""
    return tuple(
        flip
        for flip in find(rules, answers, weights)
        if not rules.contradicted({**answers, flip.criterion: flip.to})
    )


def _number_ranges(
    rules: Rules, answers: Answers, weights: Weights, criterion: Criterion
) -> list[tuple[int, int, str | None]]:
    """The whole range of a number cut into (first, last, winner), neighbours merged.

    Between two corners of the score lines each orchestrator's points are linear in the number, so
    the winner can change only where two of them are equal, or the tie margin apart.
    """

    starts = {criterion.minimum}
    for left, right in pairwise(corners(rules.orchestrators, criterion)):
        at_left = points(rules, {**answers, criterion.id: left}, weights)
        at_right = points(rules, {**answers, criterion.id: right}, weights)
        starts.add(left)
        for a, b in combinations(at_left, 2):
            gap = Fraction(at_left[a] - at_left[b])
            slope = (at_right[a] - at_right[b] - gap) / (right - left)
            for level in (-rules.policy.margin, 0, rules.policy.margin):
                if slope and 0 <= (crossing := (level - gap) / slope) <= right - left:
                    starts |= {left + floor(crossing), left + floor(crossing) + 1}
    ranges: list[tuple[int, int, str | None]] = []
    inside = sorted(start for start in starts if start <= criterion.maximum)
    for first, after in pairwise([*inside, criterion.maximum + 1]):
        winner = leader(rules, {**answers, criterion.id: first}, weights)
        same = bool(ranges) and ranges[-1][2] == winner
        ranges.append((ranges.pop()[0] if same else first, after - 1, winner))
    return ranges
