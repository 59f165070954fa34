"""Check an answers document against the rules, all problems in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from mlpo_cli.answers import project
from mlpo_cli.answers.project import shown
from mlpo_cli.decision.model import Answer, Criterion, Rules
from mlpo_cli.errors import Problem
from mlpo_cli.yamlmap import Mapped, Path

SCHEMA_VERSION = 1
MAX_WEIGHT = 100
_MOST_GUESSES = 50
_TOP = ("schema_version", "criteria", "project", "overrides")


@dataclass(frozen=True)
class Answered:
    """A valid document. Criteria that are null in it are absent here, and so are null settings."""

    criteria: dict[str, Answer]
    project: dict[str, str]
    weights: dict[str, float]


def validate(
    document: Mapped, rules: Rules, orchestrators: Sequence[str]
) -> tuple[Answered, list[Problem]]:
    """What is valid in the document, and every problem in it, in the order of its lines.

    `orchestrators` are those that a project can be generated for.
    """
    check = _Check(document)
    top = check.mapping((), document.data, _TOP, "the document")
    version = top.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        said = "is missing" if version is None else f"{shown(version)} is not known"
        check.problem(("schema_version",), f"schema_version {said}", "write schema_version: 1")
    criteria = _criteria(check, top.get("criteria"), rules)
    overrides = check.mapping(("overrides",), top.get("overrides"), ("weights",), "overrides")
    weights = _weights(check, overrides.get("weights"), rules)
    settings = _project(check, top.get("project"), orchestrators)
    found = [*document.problems, *check.problems]
    return Answered(criteria, settings, weights), sorted(found, key=_line)


class _Check:
    """Collects the problems of one document."""

    def __init__(self, document: Mapped) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def problem(self, path: Path, what: str, fix: str) -> None:
        self.problems.append(Problem(self._document.where(path), what, fix))

    def mapping(self, path: Path, value: Any, known: Iterable[str], what: str) -> dict[str, Any]:
        """The known entries of a mapping. Null counts as empty; unknown keys are problems."""
        known = tuple(known)
        if value is None:
            return {}
        if not isinstance(value, dict):
            fix = f"write keys and values: {', '.join(known[:4])}, ..."
            self.problem(path, f"{what} must be a mapping, not {shown(value)}", fix)
            return {}
        for key in value:
            if key not in known:
                self.problem((*path, key), f"unknown key {shown(key)}", self._instead(key, known))
        return {key: value[key] for key in known if key in value}

    def _instead(self, key: object, known: Sequence[str]) -> str:
        """What to write for an unknown key; no guesses for a document that is all wrong."""
        guess = len(self.problems) < _MOST_GUESSES
        close = get_close_matches(str(key)[:80], known, n=1) if guess else []
        return f"did you mean {close[0]}?" if close else f"use one of: {', '.join(known)}"


def _criteria(check: _Check, value: Any, rules: Rules) -> dict[str, Answer]:
    given = check.mapping(("criteria",), value, [c.id for c in rules.criteria], "criteria")
    valid: dict[str, Answer] = {}
    for id, answer in given.items():
        criterion = rules.criterion(id)
        if criterion.accepts(answer):
            valid[id] = answer
        elif answer is not None:
            check.problem(("criteria", id), *_refusal(criterion, answer))
    return valid


def _refusal(criterion: Criterion, answer: object) -> tuple[str, str]:
    """What is wrong with an answer, and what to write instead."""
    if not criterion.choices:
        allowed = f"a whole number from {criterion.minimum} to {criterion.maximum}"
        return (
            f"{criterion.id} must be {allowed}, not {shown(answer)}",
            "write such a number, or null for not sure",
        )
    choices = tuple(criterion.choices)
    what = f"{criterion.id} cannot be {shown(answer)}"
    close = get_close_matches(answer[:80], choices, n=1) if isinstance(answer, str) else []
    hint = f"did you mean {close[0]}? " if close else ""
    return what, f"{hint}use one of: {', '.join(choices)}, or null for not sure"


def _weights(check: _Check, value: Any, rules: Rules) -> dict[str, float]:
    path = ("overrides", "weights")
    given = check.mapping(path, value, [c.id for c in rules.criteria], "weights")
    valid: dict[str, float] = {}
    for id, weight in given.items():
        is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if is_number and math.isfinite(weight) and 0 <= weight <= MAX_WEIGHT:
            valid[id] = weight
        elif weight is not None:
            what = (
                f"the weight of {id} must be a number from 0 to {MAX_WEIGHT}, not {shown(weight)}"
            )
            check.problem((*path, id), what, "3 usually decides, 1 tips a close call, 0 is off")
    return valid


def _project(check: _Check, value: Any, orchestrators: Sequence[str]) -> dict[str, str]:
    given = check.mapping(("project",), value, project.KEYS, "project")
    valid: dict[str, str] = {}
    for key, setting in given.items():
        if setting is None:
            continue
        if refusal := project.check(key, setting, orchestrators):
            check.problem(("project", key), f"{key}: {refusal[0]}", refusal[1])
        else:
            valid[key] = setting
    return valid


def _line(problem: Problem) -> int:
    return int(problem.where.rpartition(":")[2])
