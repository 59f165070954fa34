"""Check an answers document against the rules, all problems in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlpo_cli.answers.fields import SCHEMA_VERSION, WEIGHTS, Field, Place, describe
from mlpo_cli.answers.kinds import quote
from mlpo_cli.answers.several import write_answer
from mlpo_cli.decision.conditions import Answer
from mlpo_cli.decision.model import Rules
from mlpo_cli.errors import Problem
from mlpo_cli.suggest import suggest
from mlpo_cli.yamlmap import Path, YamlDocument

_MOST_SUGGESTIONS = 50
"""After so many problems no closest word is looked for: it takes long, and helps nobody."""
_TOP = ("schema_version", "criteria", "project", "overrides")


@dataclass(frozen=True)
class Answered:
    """A valid document. What is null in it is absent here."""

    criteria: dict[str, Answer]
    project: dict[str, str]
    weights: dict[str, float]


def validate(
    document: YamlDocument, rules: Rules, orchestrators: Sequence[str]
) -> tuple[Answered, list[Problem]]:
    """Return what is valid in the document, and every problem in it, in the order of its lines.

    `orchestrators` are those that a project can be generated for.
    """
    answered, problems = validate_fields(document, describe(rules, orchestrators))
    problems += contradictions(
        rules, answered.criteria, lambda id: document.locate(("criteria", id))
    )
    return answered, sorted(problems, key=_get_line)


def validate_fields(
    document: YamlDocument, fields: Sequence[Field]
) -> tuple[Answered, list[Problem]]:
    """Validate each value on its own: answers may still contradict each other."""
    checker = _Checker(document)
    top = checker.select_known((), document.data, _TOP, "the document")
    version = top.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        what = "is missing" if version is None else f"{quote(version)} is not known"
        checker.add(("schema_version",), f"schema_version {what}", "write schema_version: 1")
    criteria = _validate_mapping(checker, ("criteria",), top.get("criteria"), fields)
    overrides = checker.select_known(
        ("overrides",), top.get("overrides"), ("weights",), "overrides"
    )
    weights = _validate_mapping(checker, WEIGHTS, overrides.get("weights"), fields)
    settings = _validate_mapping(checker, ("project",), top.get("project"), fields)
    problems = sorted([*document.problems, *checker.problems], key=_get_line)
    return Answered(criteria, settings, weights), problems


def contradictions(
    rules: Rules, criteria: Mapping[str, Answer], where: Callable[[str], str]
) -> list[Problem]:
    """Find answers that cannot be true together. `where` says where the answer to a criterion is.

    The problem is noted at the last of them, and names the places of the others.
    """
    problems = []
    for contradiction in rules.contradictions:
        if contradiction.when.holds(criteria):
            involved = list(contradiction.when.met)
            places = dict.fromkeys(where(id) for id in involved)
            *others, last = sorted(places, key=_get_line)
            besides = f" (see {', '.join(others)} too)" if others else ""
            answers = " and ".join(f"{id} = {write_answer(criteria[id])}" for id in involved)
            what = f"{answers} cannot both be true{besides}. {contradiction.message}"
            fix = "change one of them, or make it null for not sure"
            problems.append(Problem(last, what, fix))
    return problems


class _Checker:
    """Collects the problems of one document."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def add(self, path: Path, what: str, fix: str) -> None:
        self.problems.append(Problem(self._document.locate(path), what, fix))

    def select_known(
        self, path: Path, value: Any, known: Iterable[str], what: str
    ) -> dict[str, Any]:
        """Return the known entries of a mapping, none for null. Unknown keys are problems."""
        known = tuple(known)
        if value is None:
            return {}
        if not isinstance(value, dict):
            fix = f"write keys and values: {', '.join(known[:4])}, ..."
            self.add(path, f"{what} must be a mapping, not {quote(value)}", fix)
            return {}
        accepted = frozenset(known)
        listed = f"use one of: {', '.join(known)}"
        for key in value:
            if key in accepted:
                continue
            fix = suggest(key, known) if len(self.problems) < _MOST_SUGGESTIONS else listed
            self.add((*path, key), f"unknown key {quote(key)}", fix)
        return {key: value[key] for key in known if key in value}


def _validate_mapping(
    checker: _Checker, place: Place, value: Any, fields: Sequence[Field]
) -> dict[str, Any]:
    """Return the valid entries of one mapping of the document, without those that are null."""
    by_key = {field.key: field for field in fields if field.place[:-1] == place}
    valid: dict[str, Any] = {}
    for key, entry in checker.select_known(place, value, by_key, place[-1]).items():
        if entry is None:
            continue
        refusals = by_key[key].refuse_entries(entry)
        for position, refusal in refusals:
            checker.add((*place, key, *position), *refusal)
        if not refusals:
            valid[key] = by_key[key].normalise(entry)
    return valid


def _get_line(problem: Problem | str) -> int:
    """Return the line of a problem or place; 0 where it has none."""
    line = (problem if isinstance(problem, str) else problem.where).rpartition(":")[2]
    return int(line) if line.isdecimal() else 0
