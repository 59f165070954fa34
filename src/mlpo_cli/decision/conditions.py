"""Answers, and the conditions on answers that rules use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

Single = str | int
"""One choice id, or a whole number for criteria such as team_size."""

Answer = Single | tuple[str, ...]
"""One choice or number, or a tuple of at least two choices in the order of the rules."""

Answers = Mapping[str, Answer]
"""Criterion id to answer. A criterion that is absent is "not sure"."""

Exact = int | Fraction
"""A number that arithmetic keeps exact."""

Number = float | Fraction


def list_choices(answer: Answer) -> tuple[Single, ...]:
    """List the choices of an answer. A number is listed as the only one."""
    return answer if isinstance(answer, tuple) else (answer,)


def has_any(answer: Answer | None, choices: frozenset[str]) -> bool:
    """Whether the answer is one of these choices, or includes one of them."""
    if isinstance(answer, tuple):
        return not choices.isdisjoint(answer)
    return answer in choices


@dataclass(frozen=True)
class Condition:
    """Which answers a rule applies to.

    `met` maps criterion ids to accepted answers: each criterion must have one of its own. `unless`
    maps criterion ids to exceptions: no criterion may have one of them.
    """

    met: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unless: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def criteria(self) -> frozenset[str]:
        """The ids of the criteria whose answers the condition depends on."""
        return frozenset(self.met) | frozenset(self.unless)

    def holds(self, answers: Answers) -> bool:
        """Whether the answers meet the condition.

        An open answer is neither accepted nor an exception. An answer of several choices is
        accepted, or an exception, if one of its choices is.
        """
        for id, accepted in self.met.items():  # plain loops: a simulation asks 25,000 times
            if not has_any(answers.get(id), accepted):
                return False
        for id, exceptions in self.unless.items():
            if has_any(answers.get(id), exceptions):
                return False
        return True
