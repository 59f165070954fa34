"""The JSON Schema of the answers document (draft 7, which most editors support)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlpo_cli.answers.fields import SCHEMA_VERSION, WEIGHTS, Field, describe
from mlpo_cli.answers.kinds import Schema
from mlpo_cli.decision.model import Contradiction, Rules

DIALECT = "http://json-schema.org/draft-07/schema#"


def build(rules: Rules) -> Schema:
    """Return the schema of the answers to these rules. The same rules give the same schema."""
    fields = describe(rules, [o.id for o in rules.orchestrators])
    criteria = _section(fields, ("criteria",), "The answers; null or left out means not sure.")
    criteria["allOf"] = [_forbid(rules, contradiction) for contradiction in rules.contradictions]
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
    """Return a schema that refuses answers that cannot be true together.

    An answer that is left out is not an exception to the rule.
    """
    exceptions = [
        {"not": _require_answers(rules, {id: choices})}
        for id, choices in contradiction.when.unless.items()
    ]
    met = _require_answers(rules, contradiction.when.met)
    return {"description": contradiction.message, "not": {"allOf": [met, *exceptions]}}


def _require_answers(rules: Rules, answers: Mapping[str, frozenset[str]]) -> Schema:
    return {
        "type": "object",
        "required": list(answers),
        "properties": {id: _match_any(rules, id, choices) for id, choices in answers.items()},
    }


def _match_any(rules: Rules, id: str, choices: frozenset[str]) -> Schema:
    """Return a schema of an answer that is one of the choices, or a list with one of them."""
    choice: Schema = {"enum": sorted(choices)}
    if not rules.criterion(id).several:
        return choice
    return {"anyOf": [choice, {"type": "array", "contains": choice}]}
