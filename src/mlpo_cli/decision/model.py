"""What the engine reads: criteria, scores with their evidence, and policy.

All of it is frozen and already validated (see `mlpo_cli.rules`). Numbers are ints or Fractions, so
that scores, ties and flips are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

Single = str | int
"""A choice id, or a whole number for criteria such as team_size."""

Answer = Single | tuple[str, ...]
"""One choice or number, or several choices: at least two, in the order of the rules."""

Answers = Mapping[str, Answer]
"""Criterion id to answer. A criterion that is absent is "not sure"."""

Exact = int | Fraction
Number = float | Fraction


@dataclass(frozen=True)
class Check:
    """The last look-up of a claim in its source: the day, and what came of it.

    `result` is confirmed, corrected (the entry was changed to what the source says) or not found.
    """

    date: str
    result: str


@dataclass(frozen=True)
class Evidence:
    """Why a score is what it is: a claim in our words, its source, and when it was true."""

    claim: str
    source: str
    date: str
    version: str
    checked: Check | None = None


@dataclass(frozen=True)
class Criterion:
    """One question. `choices` maps id to text; without choices the answer is a whole number.

    With `several`, an answer may be several choices. An `indifferent` choice cannot be one of them.
    """

    id: str
    label: str
    question: str
    help: str
    weight: Exact
    concerns: str
    prior: Mapping[Single, float]
    choices: Mapping[str, str] = field(default_factory=dict)
    several: bool = False
    indifferent: frozenset[str] = frozenset()
    minimum: int = 0
    maximum: int = 0

    def accepts(self, answer: object) -> bool:
        """Whether `answer` is one of the choices, several of them, or a number in the range."""
        if self.several and isinstance(answer, (list, tuple)):
            return self._accepts_several(answer)
        if self.choices:
            return isinstance(answer, str) and answer in self.choices
        return type(answer) is int and self.minimum <= answer <= self.maximum

    def _accepts_several(self, choices: Sequence[object]) -> bool:
        if not choices or not all(isinstance(c, str) and c in self.choices for c in choices):
            return False
        stand_together = len(choices) == 1 or self.indifferent.isdisjoint(choices)
        return stand_together and len(set(choices)) == len(choices)

    def normalise(self, answer: Single | Iterable[str]) -> Answer:
        """Bring an accepted answer into its one form.

        A list of one choice becomes that choice; several choices get the order of the rules.
        """
        if isinstance(answer, (str, int)):
            return answer
        wanted = set(answer)
        choices = tuple(choice for choice in self.choices if choice in wanted)
        return choices[0] if len(choices) == 1 else choices

    def text(self, answer: Answer) -> str:
        """The answer in words."""
        if not self.choices:
            return str(answer)
        return "; ".join(self.choices[str(choice)] for choice in choices_of(answer))


def choices_of(answer: Answer) -> tuple[Single, ...]:
    """The choices (or the one number) that an answer consists of."""
    return answer if isinstance(answer, tuple) else (answer,)


def has_any(answer: Answer | None, choices: frozenset[str]) -> bool:
    """Whether the answer is one of these choices, or includes one of them."""
    if isinstance(answer, tuple):
        return not choices.isdisjoint(answer)
    return answer in choices


@dataclass(frozen=True)
class Scores:
    """The 0-4 fit of one orchestrator on one criterion: a cell per choice, or a line by points."""

    cells: Mapping[str, int] = field(default_factory=dict)
    points: tuple[tuple[int, int], ...] = ()

    def at(self, answer: Single) -> Exact | None:
        """The fit for one choice or number, or None where this row says nothing about it.

        Between two points the line is straight; outside them it is flat.
        """
        if isinstance(answer, str):
            return self.cells.get(answer)
        if not self.points:
            return None
        left = self.points[0]
        if answer <= left[0]:
            return left[1]
        for right in self.points[1:]:
            if answer <= right[0]:
                slope = Fraction(right[1] - left[1], right[0] - left[0])
                return left[1] + slope * (answer - left[0])
            left = right
        return left[1]


@dataclass(frozen=True)
class Row:
    """The scores of one orchestrator on one criterion, with the evidence for each of them.

    `brief` says in a few words what the evidence comes to.
    """

    scores: Scores
    evidence: tuple[Evidence, ...]
    brief: str = ""


@dataclass(frozen=True)
class Condition:
    """Answers that must hold together. `met` lists what fits, `unless` lists exceptions."""

    met: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unless: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def criteria(self) -> frozenset[str]:
        """The ids of the criteria that the condition reads."""
        return frozenset(self.met) | frozenset(self.unless)

    def holds(self, answers: Answers) -> bool:
        """Whether the answers meet the condition.

        An unknown answer does not meet a `met` entry, and is no exception for `unless`. An answer
        of several choices meets an entry, or is an exception, if one of its choices is.
        """
        return all(has_any(answers.get(c), fitting) for c, fitting in self.met.items()) and not any(
            has_any(answers.get(c), exceptions) for c, exceptions in self.unless.items()
        )


@dataclass(frozen=True)
class Adjustment:
    """Cells of an orchestrator that another answer changes."""

    when: Condition
    why: str
    scores: Mapping[str, Scores]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Orchestrator:
    """One candidate: its rows by criterion id, and what a team has to operate with it."""

    id: str
    title: str
    version: str
    operate: tuple[str, ...]
    rows: Mapping[str, Row]
    adjustments: tuple[Adjustment, ...] = ()
    best_for: str = ""


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
class Contradiction:
    """Answers that cannot be true together: refused where given, and never proposed."""

    id: str
    when: Condition
    message: str


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


@dataclass(frozen=True)
class Rules:
    """A complete, validated set of rules. `version` is the reviewed date and a content hash."""

    criteria: tuple[Criterion, ...]
    orchestrators: tuple[Orchestrator, ...]
    policy: Policy
    reviewed: str
    version: str
    contradictions: tuple[Contradiction, ...] = ()

    def contradicted(self, answers: Answers) -> bool:
        """Whether some of these answers cannot be true together."""
        return any(one.when.holds(answers) for one in self.contradictions)

    def criterion(self, id: str) -> Criterion:
        """The criterion with this id. Raises KeyError if there is none."""
        for criterion in self.criteria:
            if criterion.id == id:
                return criterion
        raise KeyError(id)

    def orchestrator(self, id: str) -> Orchestrator:
        """The orchestrator with this id. Raises KeyError if there is none."""
        for orchestrator in self.orchestrators:
            if orchestrator.id == id:
                return orchestrator
        raise KeyError(id)
