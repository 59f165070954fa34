"""The answers document as JSON Schema (draft 7, the one that editors know best)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlpo_cli.answers.fields import SCHEMA_VERSION, WEIGHTS, Field, describe
from mlpo_cli.answers.kinds import Schema
from mlpo_cli.decision.model import Contradiction, Rules

DIALECT = "http://json-schema.org/draft-07/schema#"


def build(rules: Rules) -> Schema:
    """The schema of the answers to these rules. The same rules give the same schema."""
    fields = describe(rules, [o.id for o in rules.orchestrators])
    criteria = _section(fields, ("criteria",), "The answers; null or left out means not sure.")
    criteria["allOf"] = [_forbid(rules, one) for one in rules.contradictions]
    return {
        "$schema": DIALECT,
        "title": "Answers for mlpo",
        "description": f"Made from rules {rules.version} by `mlpo schema`.",
        "type": "object",
        "required": ["schema_version"],
        "additionalProperties": False,
        "properties": {
            "schema_version": {"type": "integer", "enum": [SCHEMA_VERSION]},
            "criteria": criteria,
            "project": _section(fields, ("project",), "What `mlpo new` needs."),
            "overrides": {
                "description": "Replace parts of the rules.",
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": {"weights": _section(fields, WEIGHTS, "0 switches a criterion off.")},
            },
        },
    }


def _section(fields: Iterable[Field], place: tuple[str, ...], description: str) -> Schema:
    return {
        "description": description,
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {f.key: _nullable(f) for f in fields if f.place[:-1] == place},
    }


def _nullable(field: Field) -> Schema:
    value = field.kind.schema()
    schema: Schema = {
        "description": field.help,
        "anyOf": [*value.get("anyOf", [value]), {"type": "null"}],
    }
    if field.default is not None:
        schema["default"] = field.default
    return schema


def _forbid(rules: Rules, contradiction: Contradiction) -> Schema:
    """The answers that cannot hold together. An answer that is not there is no exception."""
    spared = [
        {"not": _among(rules, {id: exceptions})}
        for id, exceptions in contradiction.when.unless.items()
    ]
    met = _among(rules, contradiction.when.met)
    return {"description": contradiction.message, "not": {"allOf": [met, *spared]}}


def _among(rules: Rules, answers: Mapping[str, frozenset[str]]) -> Schema:
    return {
        "type": "object",
        "required": list(answers),
        "properties": {id: _any_of(rules, id, fitting) for id, fitting in answers.items()},
    }


def _any_of(rules: Rules, id: str, choices: frozenset[str]) -> Schema:
    """An answer that is one of the choices, or a list with one of them."""
    one: Schema = {"enum": sorted(choices)}
    if not rules.criterion(id).several:
        return one
    return {"anyOf": [one, {"type": "array", "contains": one}]}
