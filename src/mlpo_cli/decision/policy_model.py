"""The model of the policy: the rules that apply besides the scores, and how a winner is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlpo_cli.decision.conditions import Answers, Condition, Exact


@dataclass(frozen=True)
class Veto:
    """Takes orchestrators out when the condition holds."""

    id: str
    orchestrators: tuple[str, ...]
    when: Condition
    message: str


@dataclass(frozen=True)
class Gate:
    """Keeps an orchestrator from winning unless certain conditions hold.

    It applies when `when` holds. It opens when one of `any_of` holds, or when every orchestrator in
    `vetoed` is vetoed.
    """

    id: str
    orchestrator: str
    when: Condition
    any_of: tuple[Condition, ...]
    vetoed: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class CombinedOutcome:
    """Advice to use two orchestrators together, for one winner and certain answers."""

    winner: str
    when: Condition
    message: str


@dataclass(frozen=True)
class PolicyNote:
    """A note in every recommendation for teams that meet one of the conditions.

    With `leaning_at_most` the confidence is never labelled robust, however large the share is.
    """

    id: str
    any_of: tuple[Condition, ...]
    message: str
    leaning_at_most: bool = False

    def applies(self, answers: Answers) -> bool:
        """Whether the note is for a team with these answers."""
        return any(condition.holds(answers) for condition in self.any_of)


@dataclass(frozen=True)
class ConfidencePolicy:
    """How the confidence is simulated, and from which shares of the draws its labels hold.

    `cv` is the coefficient of variation of the weights. `unknown` is the share of draws in which an
    open question gets an answer from its prior, by `Criterion.concerns`. With fewer than
    `robust_needs_answers` answers to questions for every team, no result is robust.
    """

    draws: int
    seed: int
    cv: float
    robust: float
    leaning: float
    unknown: Mapping[str, float]
    robust_needs_answers: int


@dataclass(frozen=True)
class Policy:
    """All of policy.yaml. `order` and `margin` are those of the tie-break."""

    text: str
    vetoes: tuple[Veto, ...]
    gates: tuple[Gate, ...]
    order: tuple[str, ...]
    margin: Exact
    confidence: ConfidencePolicy
    combined: tuple[CombinedOutcome, ...]
    notes: tuple[PolicyNote, ...] = ()
