"""Check an answers document against the rules, all problems in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from mlpo_cli.answers.fields import SCHEMA_VERSION, WEIGHTS, Field, Place, describe
from mlpo_cli.answers.project import shown
from mlpo_cli.answers.several import write_answer
from mlpo_cli.decision.model import Answer, Rules
from mlpo_cli.errors import Problem
from mlpo_cli.yamlmap import Mapped, Path

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
    answered, found = fields_of(document, describe(rules, orchestrators))
    found += contradictions(rules, answered.criteria, lambda id: document.where(("criteria", id)))
    return answered, sorted(found, key=_line)


def fields_of(document: Mapped, fields: Sequence[Field]) -> tuple[Answered, list[Problem]]:
    """What each field says, on its own: answers may still contradict each other."""
    check = _Check(document)
    top = check.mapping((), document.data, _TOP, "the document")
    version = top.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        said = "is missing" if version is None else f"{shown(version)} is not known"
        check.problem(("schema_version",), f"schema_version {said}", "write schema_version: 1")
    criteria = _valid(check, ("criteria",), top.get("criteria"), fields)
    overrides = check.mapping(("overrides",), top.get("overrides"), ("weights",), "overrides")
    weights = _valid(check, WEIGHTS, overrides.get("weights"), fields)
    settings = _valid(check, ("project",), top.get("project"), fields)
    found = sorted([*document.problems, *check.problems], key=_line)
    return Answered(criteria, settings, weights), found


def contradictions(
    rules: Rules, criteria: Mapping[str, Answer], where: Callable[[str], str]
) -> list[Problem]:
    """Answers that cannot be true together. `where` says where an answer comes from."""
    found = []
    for one in rules.contradictions:
        if one.when.holds(criteria):
            said = " and ".join(f"{id}: {write_answer(criteria[id])}" for id in one.when.met)
            fix = "change one of them, or make it null for not sure"
            places = dict.fromkeys(where(id) for id in one.when.met)
            *others, last = sorted(places, key=_line)
            besides = f" (see {', '.join(others)} too)" if others else ""
            what = f"{said} cannot both be true{besides}: {one.message}"
            found.append(Problem(last, what, fix))
    return found


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


def _valid(check: _Check, place: Place, value: Any, fields: Sequence[Field]) -> dict[str, Any]:
    """The valid entries of one mapping of the document. Null ones are left out."""
    known = {field.key: field for field in fields if field.place[:-1] == place}
    valid: dict[str, Any] = {}
    for key, given in check.mapping(place, value, known, place[-1]).items():
        if given is None:
            continue
        refusals = known[key].refusals(given)
        for position, refusal in refusals:
            check.problem((*place, key, *position), *refusal)
        if not refusals:
            valid[key] = known[key].normalise(given)
    return valid


def _line(problem: Problem | str) -> int:
    """The line of a problem or place; those without one come first."""
    line = (problem if isinstance(problem, str) else problem.where).rpartition(":")[2]
    return int(line) if line.isdecimal() else 0
