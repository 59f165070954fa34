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

    `fit` is the 0-4 score; `points` is its share of the weighted mean, so that an orchestrator's
    points over all contributions sum to its score.
    """

    criterion: str
    answer: Answer
    weight: Exact
    fit: Mapping[str, Exact]
    points: Mapping[str, Exact]
    evidence: Mapping[str, tuple[Evidence, ...]]


@dataclass(frozen=True)
class Need:
    """An answer that a rule asks for: the criterion, what would do, and what was answered."""

    criterion: str
    answers: tuple[str, ...]
    given: Answer | None


@dataclass(frozen=True)
class FiredVeto:
    """A veto that fired on one orchestrator. `lifted_by`: open questions that could lift it."""

    id: str
    orchestrator: str
    message: str
    lifted_by: tuple[Need, ...]


@dataclass(frozen=True)
class FiredGate:
    """A gate that is shut. `missing` is the nearest way to open it.

    `decisive` is true when the orchestrator behind it would otherwise have won. `overruled` is
    true when every candidate was behind a gate, so that the gates had to open.
    """

    id: str
    orchestrator: str
    message: str
    missing: tuple[Need, ...]
    decisive: bool
    overruled: bool


@dataclass(frozen=True)
class Flip:
    """One answer whose change alone gives another winner (None: none fits).

    For whole numbers every answer from `to` to `upto` does; for choices the two are the same. A
    change is to one choice, or, from an answer of several choices, to one fewer or one more.
    """

    criterion: str
    given: Answer | None
    to: Answer
    upto: Answer
    winner: str | None


@dataclass(frozen=True)
class OpenQuestion:
    """An unanswered criterion that can still change the winner.

    `alone` holds the winners that one choice alone would bring, the others left as they are.
    """

    criterion: str
    alone: tuple[str | None, ...]


@dataclass(frozen=True)
class Confidence:
    """How often the leader still comes first in the simulated variations (draws).

    With a leader, `share` is the share of draws that it wins, and `label` says what that is called.
    Where none fits, `share` is the share of draws in which none fits: 1.0 means that no open answer
    can bring one back. It says nothing about whether the veto itself is right; that is a judgement.

    `shares` has the share of each orchestrator. `favourite` is the one that wins most draws, None
    where none fits in most of them. It differs from the leader only in a toss-up, or where none
    fits and open answers would more often bring one back than not.
    """

    label: Label
    share: float
    draws: int
    shares: Mapping[str, float]
    favourite: str | None = None


@dataclass(frozen=True)
class Decision:
    """The whole answer. `orchestrator` is the leader, None when none fits.

    `points` are unnormalised weighted sums, `scores` the weighted means of 0-4.
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
