"""Put the answers together from where they are given: flag over environment over file over default.

Pure but for `document`, which is read already; the environment comes in as a mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from mlpo_cli.answers.fields import WEIGHTS, Field, describe
from mlpo_cli.answers.validate import Answered, contradictions, fields_of
from mlpo_cli.decision.model import Rules
from mlpo_cli.errors import Problem
from mlpo_cli.yamlmap import Mapped

Source = Literal["flag", "environment", "file", "default", "asked"]


@dataclass(frozen=True)
class Origin:
    """Where a value comes from: what kind of place, and which."""

    source: Source
    where: str


@dataclass(frozen=True)
class Gathered:
    """All answers, valid and merged; the problems; and per field name where its value is from."""

    answered: Answered
    problems: tuple[Problem, ...]
    origins: Mapping[str, Origin]


@dataclass(frozen=True)
class _Said:
    """A value for a field from one place. None means "not sure"."""

    field: Field
    value: Any
    origin: Origin


def gather(
    rules: Rules,
    orchestrators: Sequence[str],
    document: Mapped | None = None,
    environ: Mapping[str, str] | None = None,
    sets: Iterable[str] = (),
    options: Mapping[str, str] | None = None,
) -> Gathered:
    """Merge every source, and check all of them in one pass.

    `sets` are the `key=value` of --set; `options` are project settings that have an option of
    their own, by key. Neither a default nor an answer is invented: settings that nobody gave are
    filled in by `project.settle`.
    """
    fields = describe(rules, orchestrators)
    answered = Answered({}, {}, {})
    problems: list[Problem] = []
    said = [_Said(f, f.default, Origin("default", "")) for f in fields if f.default is not None]
    if document is not None:
        answered, problems = fields_of(document, fields)
        said += _from_file(answered, fields, document)
    said += _from_environment(environ or {}, fields, problems)
    said += _from_sets(sets, fields, problems)
    said += _from_options(options or {}, fields, problems)
    last = {one.field.name: one for one in said}
    merged = _merged(one for one in last.values() if one.origin.source != "default")
    problems += contradictions(rules, merged.criteria, lambda id: last[id].origin.where)
    origins = {name: one.origin for name, one in last.items() if one.value is not None}
    return Gathered(merged, tuple(problems), origins)


def _from_file(answered: Answered, fields: Sequence[Field], document: Mapped) -> list[_Said]:
    found = []
    for field in fields:
        values: Mapping[str, Any] = _part(answered, field)
        if field.key in values:
            origin = Origin("file", document.where(field.place))
            found.append(_Said(field, values[field.key], origin))
    return found


def _from_environment(
    environ: Mapping[str, str], fields: Sequence[Field], problems: list[Problem]
) -> list[_Said]:
    """A variable that is set to nothing counts as not set."""
    given = [(field, environ.get(field.variable)) for field in fields]
    found = [
        _read(field, text, Origin("environment", field.variable), problems)
        for field, text in given
        if text
    ]
    return [one for one in found if one]


def _from_sets(
    sets: Iterable[str], fields: Sequence[Field], problems: list[Problem]
) -> list[_Said]:
    by_name = {field.name: field for field in fields}
    by_name |= {".".join(field.place): field for field in fields}
    found = []
    for text in sets:
        name, equals, value = text.partition("=")
        flag = f"--set {ascii(name)[1:-1][:60]}"
        if name not in by_name or not equals:
            problems.append(Problem(flag, *_unknown(name, bool(equals), by_name)))
        elif one := _read(by_name[name], value, Origin("flag", flag), problems):
            found.append(one)
    return found


def _unknown(name: str, has_value: bool, known: Iterable[str]) -> tuple[str, str]:
    close = get_close_matches(name[:80], list(known), n=1)
    if name in known and not has_value:
        return "there is no value", f"write --set {name}=VALUE; null is not sure"
    fix = "use a criterion's id, project.KEY or overrides.weights.ID; `mlpo schema` lists them"
    return "no such answer", f"did you mean {close[0]}?" if close else fix


def _from_options(
    options: Mapping[str, str], fields: Sequence[Field], problems: list[Problem]
) -> list[_Said]:
    settings = {field.key: field for field in fields if field.place[0] == "project"}
    found = []
    for key, value in options.items():
        flag = "NAME" if key == "name" else f"--{key.replace('_', '-')}"
        if refusal := settings[key].refuse(value):
            problems.append(Problem(flag, refusal[0].removeprefix(f"{key}: "), refusal[1]))
        else:
            found.append(_Said(settings[key], value, Origin("flag", flag)))
    return found


def _read(field: Field, text: str, origin: Origin, problems: list[Problem]) -> _Said | None:
    """A field's value from text; null is "not sure". Notes a problem where it will not do."""
    if text == "null":
        return _Said(field, None, origin)
    value = field.kind.parse(text)
    refusals = field.refusals(value)
    problems += [Problem(origin.where, *refusal) for _, refusal in refusals]
    return None if refusals else _Said(field, field.normalise(value), origin)


def _merged(said: Iterable[_Said]) -> Answered:
    answered = Answered({}, {}, {})
    for one in said:
        if one.value is not None:
            _part(answered, one.field)[one.field.key] = one.value
    return answered


def _part(answered: Answered, field: Field) -> dict[str, Any]:
    """The part of the answers that the field belongs to."""
    if field.place[:-1] == WEIGHTS:
        return answered.weights
    part: dict[str, Any] = answered.criteria
    return answered.project if field.place[0] == "project" else part
