"""Answers of several choices: those next to a given one, and those that bound all of them."""

from __future__ import annotations

from itertools import combinations

from mlpo_cli.decision.model import Answer, Criterion


def alternatives(criterion: Criterion, given: Answer | None) -> list[Answer]:
    """Every answer that a change of the given one is tried with.

    Each choice alone; for a given answer of several choices also the same without one of them,
    and with one more.
    """
    found: list[Answer] = list(criterion.choices)
    if isinstance(given, tuple):
        without = [set(given) - {choice} for choice in given]
        more = [{*given, choice} for choice in _combinable(criterion) if choice not in given]
        found += [criterion.normalise(choices) for choices in [*without, *more]]
    return list(dict.fromkeys(found))


def extremes(criterion: Criterion) -> list[Answer]:
    """Answers among which each pair of orchestrators has its least and its greatest gap.

    The fit of several choices is the lowest among them. Take the choice that is lowest for the one
    orchestrator and the choice that is lowest for the other: the two of them give both the same
    fits as all the choices do. So no more than two choices are ever needed.
    """
    found: list[Answer] = list(criterion.choices)
    if criterion.several:
        found += combinations(_combinable(criterion), 2)
    return found


def _combinable(criterion: Criterion) -> list[str]:
    """The choices that can be given together with others."""
    return [choice for choice in criterion.choices if choice not in criterion.indifferent]
