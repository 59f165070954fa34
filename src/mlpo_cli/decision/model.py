"""The model of the rules: criteria, and orchestrators with their scores and evidence.

All of it is frozen and already validated (see `mlpo_cli.rules`). Numbers are ints or Fractions, so
that scores, ties and flips are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from mlpo_cli.decision.conditions import Answer, Answers, Condition, Exact, Single, list_choices
from mlpo_cli.decision.policy_model import Policy

Prior = Mapping[Single, float]
"""Answer to the share of teams that give it. The shares add up to 1."""


@dataclass(frozen=True)
class Check:
    """The last time a claim was compared with its source.

    `result` is confirmed, corrected (the claim was changed to what the source says) or not found.
    """

    date: str
    result: str


@dataclass(frozen=True)
class Evidence:
    """The reason for a score: a claim in our words, its source, and when it was true."""

    claim: str
    source: str
    date: str
    version: str
    checked: Check | None = None


@dataclass(frozen=True)
class Criterion:
    """One question. `choices` maps id to text; without choices the answer is a whole number.

    With `several`, an answer may be several choices. An `indifferent` choice means "no
    preference" and cannot be one of them. `prior` says how common each answer is; `priors_when`
    replaces it for some teams.
    """

    id: str
    label: str
    question: str
    help: str
    weight: Exact
    concerns: str
    prior: Prior
    choices: Mapping[str, str] = field(default_factory=dict)
    several: bool = False
    indifferent: frozenset[str] = frozenset()
    minimum: int = 0
    maximum: int = 0
    priors_when: tuple[ConditionalPrior, ...] = ()

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
        can_be_combined = len(choices) == 1 or self.indifferent.isdisjoint(choices)
        return can_be_combined and len(set(choices)) == len(choices)

    def normalise(self, answer: Single | Iterable[str]) -> Answer:
        """Write an accepted answer in its standard form.

        A list of one choice becomes that choice; several choices are put in the order of the rules.
        """
        if isinstance(answer, (str, int)):
            return answer
        selected = set(answer)
        choices = tuple(choice for choice in self.choices if choice in selected)
        return choices[0] if len(choices) == 1 else choices

    def text(self, answer: Answer) -> str:
        """The text of an answer, as a person reads it."""
        if not self.choices:
            return str(answer)
        return "; ".join(self.choices[str(choice)] for choice in list_choices(answer))


@dataclass(frozen=True)
class Scores:
    """The fits, 0-4, of one orchestrator for one criterion.

    `cells` maps each choice to its fit. For a number criterion, `points` are the (number, fit)
    pairs that a line goes through.
    """

    cells: Mapping[str, int] = field(default_factory=dict)
    points: tuple[tuple[int, int], ...] = ()

    def get_fit(self, answer: Single) -> Exact | None:
        """Get the fit of one choice or number; None if there is none here.

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
    """The scores of one orchestrator for one criterion, with their evidence.

    `brief` sums the evidence up in a few words.
    """

    scores: Scores
    evidence: tuple[Evidence, ...]
    brief: str = ""


@dataclass(frozen=True)
class ConditionalPrior:
    """How common each answer is among the teams that meet the condition."""

    when: Condition
    prior: Prior


@dataclass(frozen=True)
class Adjustment:
    """Scores of an orchestrator that replace those of its rows when a condition holds.

    `operate` replaces what a team has to operate; None leaves it as it is.
    """

    when: Condition
    why: str
    scores: Mapping[str, Scores]
    evidence: tuple[Evidence, ...]
    operate: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Orchestrator:
    """One orchestrator: its rows by criterion id, and what a team has to operate with it."""

    id: str
    title: str
    version: str
    operate: tuple[str, ...]
    rows: Mapping[str, Row]
    adjustments: tuple[Adjustment, ...] = ()
    best_for: str = ""

    def select_operate(self, answers: Answers) -> tuple[str, ...]:
        """Select what a team with these answers has to operate.

        If several adjustments apply, the last one counts.
        """
        for adjustment in reversed(self.adjustments):
            if adjustment.operate is not None and adjustment.when.holds(answers):
                return adjustment.operate
        return self.operate


@dataclass(frozen=True)
class Contradiction:
    """Answers that cannot be true together. They are refused, and never proposed or drawn."""

    id: str
    when: Condition
    message: str


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
        return any(contradiction.when.holds(answers) for contradiction in self.contradictions)

    def criterion(self, id: str) -> Criterion:
        """Get the criterion with this id. Raises KeyError if there is none."""
        for criterion in self.criteria:
            if criterion.id == id:
                return criterion
        raise KeyError(id)

    def orchestrator(self, id: str) -> Orchestrator:
        """Get the orchestrator with this id. Raises KeyError if there is none."""
        for orchestrator in self.orchestrators:
            if orchestrator.id == id:
                return orchestrator
        raise KeyError(id)
