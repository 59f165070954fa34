"""Measure how sure the recommendation is: the share of draws in which the leader still wins.

In each draw every weight is multiplied by Gamma noise, and every unknown answer is drawn from its
prior (`priors`). This is the idea of stochastic multicriteria acceptability analysis (SMAA), used
for the confidence only. Each criterion has a random stream of its own, so that adding or removing
one criterion leaves the draws of the others as they were.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from math import log, prod

from mlpo_cli.decision.model import (
    Answer,
    Answers,
    ConfidencePolicy,
    Criterion,
    Orchestrator,
    Prior,
    Rules,
)
from mlpo_cli.decision.outcome import Confidence, Label
from mlpo_cli.decision.policy import best, candidates, in_order
from mlpo_cli.decision.priors import prior_for
from mlpo_cli.decision.score import Weights, fit

Drawn = Answer | None
Cells = dict[Drawn, float]
Fits = dict[str, list[Cells]]


def measure(rules: Rules, answers: Answers, weights: Weights, leader: str | None) -> Confidence:
    """Draw, count the wins, and name the leader's share.

    `answers` holds only criteria that are in `weights`. A leader that is not also the most
    frequent winner of the draws is a toss-up. A leader of None (none fits) "wins" the draws in
    which every orchestrator is vetoed.
    """
    policy = rules.policy.confidence
    wins = _count_wins(rules, answers, weights)
    share = wins.get(leader, 0) / policy.draws
    favourite = _find_favourite(rules, wins, leader)
    label: Label = "toss-up"
    if favourite == leader and share >= policy.leaning:
        may_be_robust = share >= policy.robust and _may_be_robust(rules, answers, leader, share)
        label = "robust" if may_be_robust else "leaning"
    shares = {o.id: wins.get(o.id, 0) / policy.draws for o in rules.orchestrators}
    return Confidence(label, share, policy.draws, shares, favourite)


def _find_favourite(rules: Rules, wins: dict[str | None, int], leader: str | None) -> str | None:
    """The winner of most draws; of equals the leader, then the first in the tie-break."""
    order = [leader, *in_order(rules), None]
    return max(order, key=lambda winner: wins.get(winner, 0))


def _may_be_robust(rules: Rules, answers: Answers, leader: str | None, share: float) -> bool:
    """Whether enough questions are answered, and no note of the policy limits the label.

    Where none fits in all draws, one answer is enough: no other answer can lift the veto.
    """
    if leader is None:
        if share == 1:
            return True
    elif any(note.leaning_at_most and note.applies(answers) for note in rules.policy.notes):
        return False
    answered = sum(c.id in answers and c.concerns == "every_team" for c in rules.criteria)
    return answered >= rules.policy.confidence.robust_needs_answers


def _count_wins(rules: Rules, answers: Answers, weights: Weights) -> dict[str | None, int]:
    """How many draws each orchestrator wins; None counts the draws in which none fits."""
    policy = rules.policy.confidence
    margin = float(rules.policy.margin)
    active = [c for c in rules.criteria if c.id in weights]
    drawn_weights = [_draw_weights(c.id, float(weights[c.id]), policy) for c in active]
    priors = {c.id: prior_for(rules, c, answers) for c in active if c.id not in answers}
    drawn_answers = [
        _draw_answers(c, answers.get(c.id), priors.get(c.id, {}), policy) for c in active
    ]
    situations = _Situations(rules, active, priors)
    wins: dict[str | None, int] = {}
    for draw in range(policy.draws):
        drawn = [column[draw] for column in drawn_answers]
        may_win, fits = situations.look_up(drawn)
        winner = may_win[0] if may_win else None
        if len(may_win) > 1:
            weights_now = [column[draw] for column in drawn_weights]
            points = {
                o: sum(
                    [w * cells[a] for w, cells, a in zip(weights_now, fits[o], drawn, strict=True)]
                )
                for o in may_win
            }
            winner = best(may_win, points, margin)
        wins[winner] = wins.get(winner, 0) + 1
    return wins


def _draw_weights(criterion: str, weight: float, policy: ConfidencePolicy) -> list[float]:
    """The weight of one criterion in each draw."""
    return [
        weight * noise for noise in _draw_noise(criterion, policy.seed, policy.draws, policy.cv)
    ]


@lru_cache(maxsize=256)
def _draw_noise(criterion: str, seed: int, draws: int, cv: float) -> tuple[float, ...]:
    stream = random.Random(f"{seed} weight {criterion}")
    shape = 1 / cv**2
    if not shape.is_integer():
        return tuple(stream.gammavariate(shape, 1 / shape) for _ in range(draws))
    # Gamma noise of a whole shape is a sum of exponentials, and much quicker to draw as one.
    whole, draw = int(shape), stream.random
    uniform = [1.0 - draw() for _ in range(whole * draws)]
    ends = range(0, whole * draws, whole)
    return tuple([-log(prod(uniform[end : end + whole])) / shape for end in ends])


def _draw_answers(
    criterion: Criterion, answer: Answer | None, prior: Prior, policy: ConfidencePolicy
) -> list[Drawn]:
    """The answer to one criterion in each draw: the given one, or one drawn from the prior.

    `policy.unknown` says in which share of the draws an open question is answered at all.
    """
    if answer is not None:
        return [answer] * policy.draws
    share_answered = policy.unknown[criterion.concerns]
    choices: list[Drawn] = [*prior, None]
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


class _Situations:
    """Look up who may win and how each answer fits, and remember both.

    Only answers that a veto, gate or adjustment reads can change them, so they are the keys.
    """

    def __init__(
        self, rules: Rules, active: Sequence[Criterion], priors: Mapping[str, Prior]
    ) -> None:
        self._rules = rules
        self._active = active
        self._priors = priors
        read_by_candidates: set[str] = set()
        read_by_adjustments: set[str] = set()
        for veto in rules.policy.vetoes:
            read_by_candidates |= veto.when.criteria
        for gate in rules.policy.gates:
            read_by_candidates |= gate.when.criteria.union(*(c.criteria for c in gate.any_of))
        for orchestrator in rules.orchestrators:
            for adjustment in orchestrator.adjustments:
                if adjustment.scores:
                    read_by_adjustments |= adjustment.when.criteria
        ids = [c.id for c in active]
        self._policy_keys = [i for i, id in enumerate(ids) if id in read_by_candidates]
        self._adjust_keys = [i for i, id in enumerate(ids) if id in read_by_adjustments]
        self._may_win: dict[tuple[Drawn, ...], tuple[str, ...]] = {}
        self._fits: dict[tuple[Drawn, ...], Fits] = {}

    def look_up(self, drawn: Sequence[Drawn]) -> tuple[tuple[str, ...], Fits]:
        """The candidates, and per orchestrator and criterion the fit of each answer."""
        policy_key = tuple([drawn[i] for i in self._policy_keys])
        if policy_key not in self._may_win:
            self._may_win[policy_key] = candidates(self._rules, self._to_answers(drawn))
        adjust_key = tuple([drawn[i] for i in self._adjust_keys])
        if adjust_key not in self._fits:
            self._fits[adjust_key] = self._all_fits(self._to_answers(drawn))
        return self._may_win[policy_key], self._fits[adjust_key]

    def _to_answers(self, drawn: Sequence[Drawn]) -> Answers:
        pairs = zip(self._active, drawn, strict=True)
        return {c.id: answer for c, answer in pairs if answer is not None}

    def _all_fits(self, answers: Answers) -> Fits:
        return {
            o.id: [self._cells(o, c, answers) for c in self._active]
            for o in self._rules.orchestrators
        }

    def _cells(self, orchestrator: Orchestrator, criterion: Criterion, answers: Answers) -> Cells:
        possible: set[Answer] = {*self._priors.get(criterion.id, ()), *criterion.choices}
        if criterion.id in answers:
            possible.add(answers[criterion.id])
        cells: Cells = {a: float(fit(orchestrator, criterion.id, a, answers)) for a in possible}
        cells[None] = 0.0
        return cells
