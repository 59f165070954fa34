"""The policy: what holds whatever the scores say, and how a score becomes a verdict."""

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
    """Keeps an orchestrator from winning unless it is earned.

    It applies when `when` holds, and opens when one of `any_of` holds or when every orchestrator
    in `vetoed` is vetoed.
    """

    id: str
    orchestrator: str
    when: Condition
    any_of: tuple[Condition, ...]
    vetoed: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class CombinedOutcome:
    """Advice to use two of them together, given the winner and the answers."""

    winner: str
    when: Condition
    message: str


@dataclass(frozen=True)
class PolicyNote:
    """A note that a recommendation carries, whoever leads, if one of the conditions holds.

    With `leaning_at_most` the confidence is not called robust, however large the share is.
    """

    id: str
    any_of: tuple[Condition, ...]
    message: str
    leaning_at_most: bool = False

    def applies(self, answers: Answers) -> bool:
        """Whether a team with these answers gets the note."""
        return any(condition.holds(answers) for condition in self.any_of)


@dataclass(frozen=True)
class ConfidencePolicy:
    """How many draws, from which seed, how noisy, and what the shares are called.

    `cv` is the coefficient of variation of the weights; `unknown` the share of draws in which an
    unknown answer is drawn from its prior, by `Criterion.concerns`.
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
    """Everything that holds whatever the scores say."""

    text: str
    vetoes: tuple[Veto, ...]
    gates: tuple[Gate, ...]
    order: tuple[str, ...]
    margin: Exact
    confidence: ConfidencePolicy
    combined: tuple[CombinedOutcome, ...]
    notes: tuple[PolicyNote, ...] = ()
