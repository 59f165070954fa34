"""Measure how sure the recommendation is: the share of draws in which the leader still wins.

A draw is one simulated variation: every weight is multiplied by Gamma noise, and every open
question gets an answer from its prior (`priors`). The method is stochastic multicriteria
acceptability analysis (SMAA), used for the confidence only. Each criterion has its own random
stream, so that adding or removing one does not change the draws of the others.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import accumulate
from math import log, prod

from mlpo_cli.decision.conditions import Answer, Answers
from mlpo_cli.decision.model import Criterion, Orchestrator, Prior, Rules
from mlpo_cli.decision.outcome import Confidence, Label
from mlpo_cli.decision.policy import find_best, find_candidates, list_in_tie_break_order
from mlpo_cli.decision.policy_model import ConfidencePolicy
from mlpo_cli.decision.priors import choose_prior
from mlpo_cli.decision.score import Weights, compute_fit

DrawnAnswer = Answer | None
FitByAnswer = dict[DrawnAnswer, float]
Fits = dict[str, list[FitByAnswer]]
"""Per orchestrator: the fits of each active criterion."""


def measure_confidence(
    rules: Rules, answers: Answers, weights: Weights, leader: str | None
) -> Confidence:
    """Measure and label the leader's share of the draws.

    `answers` holds only criteria that are in `weights`. If another orchestrator wins more draws
    than the leader, the result is a toss-up. A leader of None (none fits) wins the draws in which
    every orchestrator is vetoed.
    """
    policy = rules.policy.confidence
    wins = _count_wins(rules, answers, weights)
    share = wins.get(leader, 0) / policy.draws
    favourite = _find_favourite(rules, wins, leader)
    label: Label = "toss-up"
    if favourite == leader and share >= policy.leaning:
        is_robust = share >= policy.robust and _may_be_robust(rules, answers, leader, share)
        label = "robust" if is_robust else "leaning"
    shares = {o.id: wins.get(o.id, 0) / policy.draws for o in rules.orchestrators}
    return Confidence(label, share, policy.draws, shares, favourite)


def _find_favourite(rules: Rules, wins: dict[str | None, int], leader: str | None) -> str | None:
    """Find the winner of most draws; of equals the leader, then the first in the tie-break."""
    order = [leader, *list_in_tie_break_order(rules), None]
    return max(order, key=lambda winner: wins.get(winner, 0))


def _may_be_robust(rules: Rules, answers: Answers, leader: str | None, share: float) -> bool:
    """Whether enough questions are answered, and no note of the policy limits the label.

    If none fits in every draw, any number of answers is enough: no other answer can lift the veto.
    """
    if leader is None:
        if share == 1:
            return True
    elif any(note.leaning_at_most and note.applies(answers) for note in rules.policy.notes):
        return False
    answered = sum(c.id in answers and c.concerns == "every_team" for c in rules.criteria)
    return answered >= rules.policy.confidence.robust_needs_answers


def _count_wins(rules: Rules, answers: Answers, weights: Weights) -> dict[str | None, int]:
    """Count the draws that each orchestrator wins, and under None those in which none fits."""
    policy = rules.policy.confidence
    margin = float(rules.policy.margin)
    active = [c for c in rules.criteria if c.id in weights]
    drawn_weights = [_draw_weights(c.id, float(weights[c.id]), policy) for c in active]
    priors = {c.id: choose_prior(rules, c, answers) for c in active if c.id not in answers}
    drawn_answers = [
        _draw_answers(c, answers.get(c.id), priors.get(c.id, {}), policy) for c in active
    ]
    lookup = _DrawLookup(rules, active, drawn_answers)
    wins: dict[str | None, int] = {}
    for draw in range(policy.draws):
        drawn = [column[draw] for column in drawn_answers]
        candidates, fits = lookup.look_up(drawn)
        winner = candidates[0] if candidates else None
        if len(candidates) > 1:
            noisy = [column[draw] for column in drawn_weights]
            points = {
                o: sum([w * fit[a] for w, fit, a in zip(noisy, fits[o], drawn, strict=True)])
                for o in candidates
            }
            winner = find_best(candidates, points, margin)
        wins[winner] = wins.get(winner, 0) + 1
    return wins


def _draw_weights(criterion: str, weight: float, policy: ConfidencePolicy) -> list[float]:
    """Draw the weight of one criterion for each draw."""
    return [
        weight * noise for noise in _draw_noise(criterion, policy.seed, policy.draws, policy.cv)
    ]


@lru_cache(maxsize=256)
def _draw_noise(criterion: str, seed: int, draws: int, cv: float) -> tuple[float, ...]:
    stream = random.Random(f"{seed} weight {criterion}")
    shape = 1 / cv**2
    if not shape.is_integer():
        return tuple(stream.gammavariate(shape, 1 / shape) for _ in range(draws))
    # If the shape is a whole number, Gamma noise is a sum of exponentials, which is much quicker.
    terms, draw = int(shape), stream.random
    uniform = [1.0 - draw() for _ in range(terms * draws)]
    starts = range(0, terms * draws, terms)
    return tuple([-log(prod(uniform[start : start + terms])) / shape for start in starts])


def _draw_answers(
    criterion: Criterion, answer: Answer | None, prior: Prior, policy: ConfidencePolicy
) -> list[DrawnAnswer]:
    """Return the answer to one criterion for each draw: the team's, or one drawn from the prior.

    `policy.unknown` says in which share of the draws an open question is answered at all.
    """
    if answer is not None:
        return [answer] * policy.draws
    share_answered = policy.unknown[criterion.concerns]
    choices: list[DrawnAnswer] = [*prior, None]
    edges = list(accumulate(share_answered * share for share in prior.values()))
    last = len(prior) - 1 if share_answered == 1 else len(prior)
    return [
        choices[min(bisect(edges, u), last)]
        for u in _draw_uniform(criterion.id, policy.seed, policy.draws)
    ]


@lru_cache(maxsize=256)
def _draw_uniform(criterion: str, seed: int, draws: int) -> tuple[float, ...]:
    stream = random.Random(f"{seed} answer {criterion}")
    return tuple(stream.random() for _ in range(draws))


class _DrawLookup:
    """Looks up the candidates and the fits for the answers of one draw, and remembers them.

    They depend only on the answers that a veto, a gate or an adjustment reads, so these are the
    keys. `columns` holds, for each of the `active` criteria, its answer in each draw.
    """

    def __init__(
        self, rules: Rules, active: Sequence[Criterion], columns: Sequence[Sequence[DrawnAnswer]]
    ) -> None:
        self._rules = rules
        self._active = active
        self._possible = [set(column) - {None} for column in columns]
        read_by_rules: set[str] = set()
        for veto in rules.policy.vetoes:
            read_by_rules |= veto.when.criteria
        for gate in rules.policy.gates:
            read_by_rules |= gate.when.criteria.union(*(c.criteria for c in gate.any_of))
        self._read_by_rules = self._find_positions(read_by_rules)
        self._read_by_row = {
            (o.id, c.id): self._find_positions(_find_criteria_read(o, c))
            for o in rules.orchestrators
            for c in active
        }
        positions = {i for read in self._read_by_row.values() for i in read}
        self._read_by_any_row = sorted(positions)
        self._candidates: dict[tuple[DrawnAnswer, ...], tuple[str, ...]] = {}
        self._fits: dict[tuple[DrawnAnswer, ...], Fits] = {}
        self._rows: dict[tuple[str, str, tuple[DrawnAnswer, ...]], FitByAnswer] = {}

    def look_up(self, drawn: Sequence[DrawnAnswer]) -> tuple[tuple[str, ...], Fits]:
        """Return the candidates, and the fits of each orchestrator."""
        rules_key = tuple([drawn[i] for i in self._read_by_rules])
        if rules_key not in self._candidates:
            self._candidates[rules_key] = find_candidates(self._rules, self._to_answers(drawn))
        fits_key = tuple([drawn[i] for i in self._read_by_any_row])
        if fits_key not in self._fits:
            self._fits[fits_key] = {
                o.id: [self._look_up_row(o, i, drawn) for i in range(len(self._active))]
                for o in self._rules.orchestrators
            }
        return self._candidates[rules_key], self._fits[fits_key]

    def _look_up_row(
        self, orchestrator: Orchestrator, position: int, drawn: Sequence[DrawnAnswer]
    ) -> FitByAnswer:
        """Return the fit of each answer to the criterion at this position."""
        criterion = self._active[position]
        read = self._read_by_row[orchestrator.id, criterion.id]
        key = (orchestrator.id, criterion.id, tuple([drawn[i] for i in read]))
        if key not in self._rows:
            answers = self._to_answers(drawn)
            self._rows[key] = {
                answer: float(compute_fit(orchestrator, criterion.id, answer, answers))
                for answer in self._possible[position]
                if answer is not None
            }
            self._rows[key][None] = 0.0
        return self._rows[key]

    def _find_positions(self, ids: Collection[str]) -> list[int]:
        return [i for i, criterion in enumerate(self._active) if criterion.id in ids]

    def _to_answers(self, drawn: Sequence[DrawnAnswer]) -> Answers:
        pairs = zip(self._active, drawn, strict=True)
        return {c.id: answer for c, answer in pairs if answer is not None}


def _find_criteria_read(orchestrator: Orchestrator, criterion: Criterion) -> set[str]:
    """Find the criteria whose answers decide which adjustments apply to this row."""
    ids: set[str] = set()
    for adjustment in orchestrator.adjustments:
        if criterion.id in adjustment.scores:
            ids |= adjustment.when.criteria
    return ids
