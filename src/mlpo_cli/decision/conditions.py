"""Answers, and the conditions that rules make of them."""

from __future__ import annotations

from collections.abc import Mapping
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


def choices_of(answer: Answer) -> tuple[Single, ...]:
    """The choices (or the one number) that an answer consists of."""
    return answer if isinstance(answer, tuple) else (answer,)


def has_any(answer: Answer | None, choices: frozenset[str]) -> bool:
    """Whether the answer is one of these choices, or includes one of them."""
    if isinstance(answer, tuple):
        return not choices.isdisjoint(answer)
    return answer in choices


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
