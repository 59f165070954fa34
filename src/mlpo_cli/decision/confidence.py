"""Measure how sure the recommendation is: the share of draws in which the leader still wins.

In each draw every weight is multiplied by Gamma noise, and every unknown answer is drawn from its
prior (`priors`). This is the idea of stochastic multicriteria acceptability analysis (SMAA), used
for the confidence only. Each criterion has a random stream of its own, so that adding or removing
one criterion leaves the draws of the others as they were.
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
from mlpo_cli.decision.policy import best, candidates, in_order
from mlpo_cli.decision.policy_model import ConfidencePolicy
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
    situations = _Situations(rules, active, drawn_answers)
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
    `columns` are the answers to each of the `active` criteria, one per draw.
    """

    def __init__(
        self, rules: Rules, active: Sequence[Criterion], columns: Sequence[Sequence[Drawn]]
    ) -> None:
        self._rules = rules
        self._active = active
        self._possible = [set(column) - {None} for column in columns]
        by_rules: set[str] = set()
        for veto in rules.policy.vetoes:
            by_rules |= veto.when.criteria
        for gate in rules.policy.gates:
            by_rules |= gate.when.criteria.union(*(c.criteria for c in gate.any_of))
        self._read_by_rules = self._find_positions(by_rules)
        self._read_by_fits = {
            (o.id, c.id): self._find_positions(_find_readers(o, c))
            for o in rules.orchestrators
            for c in active
        }
        positions = {i for read in self._read_by_fits.values() for i in read}
        self._read_by_any_fit = sorted(positions)
        self._may_win: dict[tuple[Drawn, ...], tuple[str, ...]] = {}
        self._fits: dict[tuple[Drawn, ...], Fits] = {}
        self._cells: dict[tuple[str, str, tuple[Drawn, ...]], Cells] = {}

    def look_up(self, drawn: Sequence[Drawn]) -> tuple[tuple[str, ...], Fits]:
        """The candidates, and per orchestrator and criterion the fit of each answer."""
        rules_key = tuple([drawn[i] for i in self._read_by_rules])
        if rules_key not in self._may_win:
            self._may_win[rules_key] = candidates(self._rules, self._to_answers(drawn))
        fits_key = tuple([drawn[i] for i in self._read_by_any_fit])
        if fits_key not in self._fits:
            self._fits[fits_key] = {
                o.id: [self._look_up_cells(o, i, drawn) for i in range(len(self._active))]
                for o in self._rules.orchestrators
            }
        return self._may_win[rules_key], self._fits[fits_key]

    def _look_up_cells(
        self, orchestrator: Orchestrator, position: int, drawn: Sequence[Drawn]
    ) -> Cells:
        criterion = self._active[position]
        read = self._read_by_fits[orchestrator.id, criterion.id]
        key = (orchestrator.id, criterion.id, tuple([drawn[i] for i in read]))
        if key not in self._cells:
            answers = self._to_answers(drawn)
            self._cells[key] = {
                answer: float(fit(orchestrator, criterion.id, answer, answers))
                for answer in self._possible[position]
                if answer is not None
            }
            self._cells[key][None] = 0.0
        return self._cells[key]

    def _find_positions(self, ids: Collection[str]) -> list[int]:
        return [i for i, criterion in enumerate(self._active) if criterion.id in ids]

    def _to_answers(self, drawn: Sequence[Drawn]) -> Answers:
        pairs = zip(self._active, drawn, strict=True)
        return {c.id: answer for c, answer in pairs if answer is not None}


def _find_readers(orchestrator: Orchestrator, criterion: Criterion) -> set[str]:
    """The criteria whose answers decide which adjustment of this row holds."""
    read: set[str] = set()
    for adjustment in orchestrator.adjustments:
        if criterion.id in adjustment.scores:
            read |= adjustment.when.criteria
    return read
