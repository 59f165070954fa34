"""What the engine returns: a Decision and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mlpo_cli.decision.conditions import Answer, Exact
from mlpo_cli.decision.model import Evidence

Verdict = Literal["recommend", "toss-up", "none"]
Label = Literal["robust", "leaning", "toss-up"]


@dataclass(frozen=True)
class Contribution:
    """What one answered criterion adds, per orchestrator id.

    `fit` is 0-4; `score_parts` are weight x fit divided by the total weight, so that those of an
    orchestrator add up to its score.
    """

    criterion: str
    answer: Answer
    weight: Exact
    fit: Mapping[str, Exact]
    score_parts: Mapping[str, Exact]
    evidence: Mapping[str, tuple[Evidence, ...]]


@dataclass(frozen=True)
class Need:
    """A criterion whose answer a rule needs, the accepted answers, and the answer so far."""

    criterion: str
    answers: tuple[str, ...]
    given: Answer | None


@dataclass(frozen=True)
class FiredVeto:
    """A veto that takes one orchestrator out. `lifted_by` holds open answers that would lift it."""

    id: str
    orchestrator: str
    message: str
    lifted_by: tuple[Need, ...]


@dataclass(frozen=True)
class FiredGate:
    """A closed gate. `missing` holds the fewest answers that would open it.

    `decisive` is true when the orchestrator behind it would win if it were open. `overruled` is
    true when every remaining orchestrator is behind a gate, so that the gates do not count.
    """

    id: str
    orchestrator: str
    message: str
    missing: tuple[Need, ...]
    decisive: bool
    overruled: bool


@dataclass(frozen=True)
class Flip:
    """A change of one answer that alone changes the winner. A winner of None: none fits.

    `given` is the answer so far, None if the question is open. A whole number may change to any
    from `to` to `upto`; for choices these two are equal. The new answer is one choice or, where the
    answer so far has several, the same with one choice fewer or one more.
    """

    criterion: str
    given: Answer | None
    to: Answer
    upto: Answer
    winner: str | None


@dataclass(frozen=True)
class OpenQuestion:
    """An unanswered criterion that can still change the winner.

    `alone` holds the new winners that an answer to this question alone could give.
    """

    criterion: str
    alone: tuple[str | None, ...]


@dataclass(frozen=True)
class Confidence:
    """How often the leader still comes first in the simulated variations (draws).

    `share` is the share of draws that the leader wins, and `label` its name. If none fits, `share`
    is the share of draws in which none fits: 1.0 means that no open answer can change that. It does
    not say whether the veto itself is right.

    `shares` has the share of each orchestrator. `favourite` is the one that wins most draws, None
    if none fits in most of them. It differs from the leader only in a toss-up, or if none fits now
    but one would fit with most of the possible answers to the open questions.
    """

    label: Label
    share: float
    draws: int
    shares: Mapping[str, float]
    favourite: str | None = None


@dataclass(frozen=True)
class Decision:
    """The complete result. `orchestrator` is the leader, None when none fits.

    `points` are sums of weight x fit; `scores` are these divided by the total weight, 0-4.
    """

    verdict: Verdict
    orchestrator: str | None
    runner_up: str | None
    confidence: Confidence
    points: Mapping[str, Exact]
    scores: Mapping[str, Exact]
    contributions: tuple[Contribution, ...]
    vetoes: tuple[FiredVeto, ...]
    gates: tuple[FiredGate, ...]
    flips: tuple[Flip, ...]
    open_questions: tuple[OpenQuestion, ...]
    combined: tuple[str, ...]
    operate: tuple[str, ...]
    notes: tuple[str, ...]
    answers: Mapping[str, Answer]
    switched_off: tuple[str, ...]
    rules_version: str
    reviewed: str
