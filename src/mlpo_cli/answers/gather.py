"""Merge the answers of all sources: an option beats a variable, that the file, that the default.

Nothing is read here: the document is loaded before, and the environment is a mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlpo_cli.answers.fields import ENVIRONMENT, WEIGHTS, Field, describe
from mlpo_cli.answers.project import list_settings
from mlpo_cli.answers.validate import Answered, contradictions, validate_fields
from mlpo_cli.decision.model import Rules
from mlpo_cli.errors import Problem
from mlpo_cli.suggest import find_closest, suggest
from mlpo_cli.yamlmap import YamlDocument

Source = Literal["flag", "environment", "file", "default", "asked"]
KIT_ENVIRONMENT = "MLPO_KIT_"
"""How the variables of the projects' library begin. mlpo does not read them."""


@dataclass(frozen=True)
class Origin:
    """Where a value comes from: the source, and the option, variable or line in it."""

    source: Source
    where: str


@dataclass(frozen=True)
class Gathered:
    """The valid answers of all sources, merged; the problems; the origin of each field by name.

    `warnings` are about what was ignored.
    """

    answered: Answered
    problems: tuple[Problem, ...]
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Value:
    """What one source has for a field. None is "not sure"."""

    field: Field
    value: Any
    origin: Origin


def gather(
    rules: Rules,
    orchestrators: Sequence[str],
    document: YamlDocument | None = None,
    environ: Mapping[str, str] | None = None,
    sets: Iterable[str] = (),
    options: Mapping[str, str] | None = None,
) -> Gathered:
    """Merge all sources, and check everything in them in one pass.

    `sets` are the `key=value` of --set; `options` are the project's settings from their own
    options, by key. Defaults do not become answers: `project.complete_settings` adds them.
    """
    environ = environ or {}
    fields = describe(rules, orchestrators)
    answered = Answered({}, {}, {})
    problems: list[Problem] = []
    values = [_Value(f, f.default, Origin("default", "")) for f in fields if f.default is not None]
    if document is not None:
        answered, problems = validate_fields(document, fields)
        values += _take_file(answered, fields, document)
    values += _take_environment(environ, fields, problems)
    values += _take_sets(sets, fields, problems)
    values += _take_options(options or {}, fields, problems)
    by_name = {value.field.name: value for value in values}  # the last one counts
    merged = _merge(value for value in by_name.values() if value.origin.source != "default")
    problems += contradictions(rules, merged.criteria, lambda id: by_name[id].origin.where)
    origins = {name: value.origin for name, value in by_name.items() if value.value is not None}
    warnings = tuple(_find_unknown_variables(environ, fields))
    return Gathered(merged, tuple(problems), origins, warnings)


def _take_file(answered: Answered, fields: Sequence[Field], document: YamlDocument) -> list[_Value]:
    values = []
    for field in fields:
        section: Mapping[str, Any] = _get_section(answered, field)
        if field.key in section:
            origin = Origin("file", document.locate(field.place))
            values.append(_Value(field, section[field.key], origin))
    return values


def _take_environment(
    environ: Mapping[str, str], fields: Sequence[Field], problems: list[Problem]
) -> list[_Value]:
    """Parse the variables. One that is empty counts as not set."""
    texts = [(field, environ.get(field.variable)) for field in fields]
    values = [
        _parse(field, text, Origin("environment", field.variable), problems)
        for field, text in texts
        if text
    ]
    return [value for value in values if value]


def _find_unknown_variables(environ: Mapping[str, str], fields: Sequence[Field]) -> list[str]:
    """Return a warning for each variable that looks like one of mlpo's and is none: a typo."""
    known = [field.variable for field in fields]
    warnings = []
    for name in sorted(set(environ) - set(known)):
        if name.startswith(ENVIRONMENT) and not name.startswith(KIT_ENVIRONMENT):
            closest = find_closest(name, known)
            hint = f"did you mean {closest}?" if closest else "`mlpo schema` lists the keys"
            warnings.append(f"the variable {ascii(name)[1:-1][:60]} is unknown and ignored; {hint}")
    return warnings


def _take_sets(
    sets: Iterable[str], fields: Sequence[Field], problems: list[Problem]
) -> list[_Value]:
    by_name = {field.name: field for field in fields}
    by_name |= {".".join(field.place): field for field in fields}
    values = []
    for text in sets:
        name, equals, value = text.partition("=")
        option = f"--set {ascii(name)[1:-1][:60]}"
        if name not in by_name:
            problems.append(Problem(option, "no such answer", _suggest_name(name, by_name)))
        elif not equals:
            fix = f"write --set {name}=VALUE; null is not sure"
            problems.append(Problem(option, "there is no value", fix))
        elif parsed := _parse(by_name[name], value, Origin("flag", option), problems):
            values.append(parsed)
    return values


def _suggest_name(name: str, known: Iterable[str]) -> str:
    """Suggest a name for --set. There are too many to list them all."""
    every = "use a criterion's id, project.KEY or overrides.weights.ID; `mlpo schema` lists them"
    return suggest(name, known) if find_closest(name, known) else every


def _take_options(
    options: Mapping[str, str], fields: Sequence[Field], problems: list[Problem]
) -> list[_Value]:
    by_key = {field.key: field for field in fields if field.place[0] == "project"}
    names = {setting.key: setting.option for setting in list_settings()}
    values = []
    for key, value in options.items():
        if refusal := by_key[key].refuse(value):
            problems.append(Problem(names[key], *refusal))
        else:
            values.append(_Value(by_key[key], value, Origin("flag", names[key])))
    return values


def _parse(field: Field, text: str, origin: Origin, problems: list[Problem]) -> _Value | None:
    """Return a field's value from text, `null` for "not sure". An invalid one is a problem."""
    if text == "null":
        return _Value(field, None, origin)
    value = field.kind.parse(text)
    refusals = field.refuse_entries(value)
    problems += [Problem(origin.where, *refusal) for _, refusal in refusals]
    return None if refusals else _Value(field, field.normalise(value), origin)


def _merge(values: Iterable[_Value]) -> Answered:
    answered = Answered({}, {}, {})
    for value in values:
        if value.value is not None:
            _get_section(answered, value.field)[value.field.key] = value.value
    return answered


def _get_section(answered: Answered, field: Field) -> dict[str, Any]:
    """Return the section of the answers that the field is in."""
    if field.place[:-1] == WEIGHTS:
        return answered.weights
    criteria: dict[str, Any] = answered.criteria
    return answered.project if field.place[0] == "project" else criteria
