"""Small functions that build parts of the JSON Schema of rules files.

Where a value can have several shapes, `if` chooses one of them: an editor then reports what is
wrong in that shape. With `anyOf` it would only say that none of them fits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mlpo_cli.decision.model import Criterion

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "pattern": r"\S"}
OPTIONAL_TEXT: Schema = {"type": ["string", "null"], "pattern": r"\S"}
ID: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9_-]*$"}
DATE: Schema = {
    "type": "string",
    "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
}


def describe(schema: Schema, description: str) -> Schema:
    """Add the description that an editor shows."""
    return {"description": description, **schema}


def number(low: float, high: float) -> Schema:
    """Accept a number in a range, both ends included."""
    return {"type": "number", "minimum": low, "maximum": high}


def whole(low: int, high: int) -> Schema:
    """Accept a whole number in a range, both ends included."""
    return {"type": "integer", "minimum": low, "maximum": high}


def mapping(properties: Mapping[str, Schema], required: Collection[str] = ()) -> Schema:
    """Accept a mapping with these keys and no others."""
    schema: Schema = {"type": "object", "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return {**schema, "properties": dict(properties)}


def list_of(item: Schema | list[Schema], least: int = 0) -> Schema:
    """Accept a list of at least `least` items that fit `item`: one schema, or one per position."""
    schema: Schema = {"type": "array", "items": item}
    return {**schema, "minItems": least} if least else schema


def nullable(schema: Schema) -> Schema:
    """Accept null as well: in a layer, a key without a value changes nothing."""
    return {**schema, "type": [schema["type"], "null"]}


def words(choices: Iterable[str], alone: Iterable[str | None] = ()) -> Schema:
    """Accept one of the choices, a list of them, or one of `alone`, which cannot be in a list."""
    allowed = list(choices)
    return {
        "if": {"type": "array"},
        "then": {"items": {"enum": allowed}},
        "else": {"enum": [*allowed, *alone]},
    }


def reference(name: str) -> Schema:
    """Refer to a definition."""
    return {"$ref": f"#/definitions/{name}"}


def entries(properties: Mapping[str, Schema], ids: Collection[str], required: list[str]) -> Schema:
    """Accept a list that is merged by `id`, as vetoes are.

    An entry with one of the `ids` changes that entry and may have any of the keys; `drop: true`
    removes it. Any other entry is new, and must have the keys `required` with values.
    """
    values = {key: {"not": {"type": "null"}} for key in required}
    new = {"required": required, "properties": values}
    return nullable(list_of(droppable(entry(properties, ids, new), ids)))


def entry(properties: Mapping[str, Schema], ids: Collection[str], new: Schema) -> Schema:
    """Accept an entry that changes one of the `ids`, or a new one, which must also fit `new`."""
    return {
        **mapping({"id": describe(ID, "A new id adds an entry."), **properties}, ["id"]),
        "if": {"properties": {"id": {"enum": list(ids)}}},
        "then": {},
        "else": new,
    }


def droppable(entry_schema: Schema, ids: Collection[str] | None = None) -> Schema:
    """Accept an entry that fits `entry_schema`, or `{id: X, drop: true}` with X in `ids`.

    If `ids` is None, X may be any id.
    """
    id = ID if ids is None else {"enum": list(ids)}
    drop = describe({"const": True}, "Removes the entry with this id.")
    return {
        "type": "object",
        "if": {"required": ["drop"]},
        "then": {"required": ["id"], "properties": {"id": id, "drop": drop}},
        "else": entry_schema,
    }


def condition(criteria: Iterable[Criterion]) -> Schema:
    """Accept a condition: accepted answers under the ids, exceptions under ID_not."""
    properties: dict[str, Schema] = {}
    for criterion in criteria:
        if criterion.choices:
            answers = words(criterion.choices)
            properties[criterion.id] = describe(answers, criterion.label)
            properties[f"{criterion.id}_not"] = describe(answers, f"{criterion.label}, except")
    return nullable(mapping(properties))


def not_only_exceptions(condition: Schema) -> Schema:
    """Accept a condition that has accepted answers, not only exceptions."""
    only_exceptions = {"propertyNames": {"pattern": "_not$"}}
    return {"type": "object", "allOf": [condition, {"not": only_exceptions}]}
