"""Build the JSON Schema (draft 7) of rules files: what the files in a --rules folder may contain.

One schema describes all of them; the keys of a file show which one it is. To add a key to the
rules, parse it and add it to the properties here or in schema_policy.py: a test compares the keys
of both. tests/rules/test_schema.py lists what the schema cannot check and only the loader does.
"""

from __future__ import annotations

from collections.abc import Collection

from mlpo_cli.decision.model import Criterion, Rules
from mlpo_cli.rules import shapes
from mlpo_cli.rules.parse import CHECK_RESULTS, CONCERNS, MAX_SCORE
from mlpo_cli.rules.schema_policy import policy_properties
from mlpo_cli.rules.shapes import (
    DATE,
    ID,
    OPTIONAL_TEXT,
    TEXT,
    Schema,
    describe,
    list_of,
    mapping,
    nullable,
    number,
    reference,
    whole,
)

DIALECT = "http://json-schema.org/draft-07/schema#"
_LARGEST = 10**9
_SCORE = whole(0, MAX_SCORE)
_PRIOR: Schema = {"type": "object", "minProperties": 1, "additionalProperties": number(0, 1)}
_COMMON_KEYS: dict[str, Schema] = {
    "schema_version": {"type": "integer", "enum": [1]},
    "reviewed": describe(DATE, "The day on which the file was last checked."),
}


def build_rules_schema(rules: Rules, shipped: Rules) -> Schema:
    """Build the schema of layers over the rules `shipped`; `rules` includes one such layer.

    A layer may change parts of what `shipped` has. What it adds must be complete. The same rules
    give the same schema.
    """
    added = [c for c in rules.criteria if all(c.id != other.id for other in shipped.criteria)]
    policy = policy_properties(rules, shipped)
    orchestrator = _orchestrator_properties(rules.criteria)
    return {
        "$schema": DIALECT,
        "title": "Rules for mlpo",
        "description": f"Made from rules {rules.version} by `mlpo schema rules`.",
        "if": _has_any(policy),
        "then": reference("policy-file"),
        "else": {
            "if": {"anyOf": [_has_any({*orchestrator} - {"criteria"}), _has_rows()]},
            "then": reference("orchestrator-file"),
            "else": reference("criteria-file"),
        },
        "definitions": {
            "policy-file": _file(policy),
            "orchestrator-file": {
                **_file(orchestrator),
                "if": _is_new_orchestrator(shipped),
                "then": _complete_orchestrator(rules.criteria),
            },
            "criteria-file": _file(_criteria_properties(rules, shipped)),
            "condition": shapes.condition(rules.criteria),
            "evidence": _evidence(),
            **{f"row-{c.id}": _row(c, is_new=c in added) for c in rules.criteria},
        },
    }


def _file(properties: dict[str, Schema]) -> Schema:
    return mapping({**_COMMON_KEYS, **properties}, list(_COMMON_KEYS))


def _has_any(keys: Collection[str]) -> Schema:
    return {"anyOf": [{"required": [key]} for key in sorted(keys)]}


def _has_rows() -> Schema:
    """Match the mapping `criteria` of an orchestrator, not the list in criteria.yaml."""
    return {"required": ["criteria"], "properties": {"criteria": {"type": "object"}}}


def _criteria_properties(rules: Rules, shipped: Rules) -> dict[str, Schema]:
    prior_when = {"when": shapes.not_only_exceptions(reference("condition")), "prior": _PRIOR}
    criterion = {
        "label": describe(TEXT, "The name of the criterion in reports."),
        "weight": describe(whole(0, 100), "3 usually decides, 1 tips a close call, 0 is off."),
        "concerns": describe({"enum": list(CONCERNS)}, "Whether every team has an answer."),
        "question": TEXT,
        "help": OPTIONAL_TEXT,
        "type": {"enum": ["integer", None]},
        "min": whole(0, _LARGEST),
        "max": whole(0, _LARGEST),
        "choices": describe(
            {
                "type": ["object", "null"],
                "propertyNames": {"pattern": "^[a-z0-9][a-z0-9_-]*$"},
                "additionalProperties": TEXT,
            },
            "Each answer with its text.",
        ),
        "several": describe(
            {"type": ["boolean", "null"]}, "Whether an answer may be several choices."
        ),
        "indifferent": describe(
            nullable(list_of({"type": "string"})), 'The choices that mean "no preference".'
        ),
        "prior": describe(_PRIOR, "How common each answer is. The shares add up to 1."),
        "priors_when": describe(
            nullable(list_of(mapping(prior_when, ["when", "prior"]))),
            "How common each answer is among teams that gave certain other answers.",
        ),
    }
    is_new = {
        "required": ["label", "weight", "concerns", "question", "prior"],
        "if": {"required": ["type"], "properties": {"type": {"const": "integer"}}},
        "then": {"required": ["min", "max"]},
        "else": {
            "required": ["choices"],
            "properties": {"choices": {"type": "object", "minProperties": 1}},
        },
    }
    contradiction = {"when": shapes.not_only_exceptions(reference("condition")), "message": TEXT}
    return {
        "criteria": nullable(
            list_of(
                {
                    **shapes.entry(criterion, [c.id for c in shipped.criteria], is_new),
                    "allOf": [_answers_of(c) for c in rules.criteria],
                }
            )
        ),
        "contradictions": describe(
            shapes.entries(
                contradiction, [c.id for c in shipped.contradictions], ["when", "message"]
            ),
            "Answers that cannot be true together.",
        ),
    }


def _answers_of(criterion: Criterion) -> Schema:
    """Restrict the priors and the indifferent choices of a criterion to its own answers."""
    answers: Schema = {"pattern": "^-?[0-9]+$"}
    if criterion.choices:
        answers = {"enum": list(criterion.choices)}
    return {
        "if": {"required": ["id"], "properties": {"id": {"const": criterion.id}}},
        "then": {
            "properties": {
                "indifferent": {"items": answers},
                "prior": {"propertyNames": answers},
                "priors_when": {"items": {"properties": {"prior": {"propertyNames": answers}}}},
            }
        },
    }


def _orchestrator_properties(criteria: Collection[Criterion]) -> dict[str, Schema]:
    adjustment = {
        "id": ID,
        "when": reference("condition"),
        "why": TEXT,
        "set": describe(
            nullable(mapping({c.id: _adjusted_scores(c) for c in criteria})),
            "The scores that replace those of the rows.",
        ),
        "operate": describe(nullable(list_of(TEXT)), "What a team has to operate in this case."),
        "evidence": reference("evidence"),
    }
    with_evidence = {**mapping(adjustment), "dependencies": {"set": ["evidence"]}}
    return {
        "id": ID,
        "title": TEXT,
        "version": describe(TEXT, "The release that was scored."),
        "best_for": OPTIONAL_TEXT,
        "operate": describe(nullable(list_of(TEXT)), "What a team has to operate with it."),
        "criteria": nullable(mapping({c.id: reference(f"row-{c.id}") for c in criteria})),
        "adjustments": describe(
            nullable(list_of(shapes.droppable(with_evidence))),
            "Scores and work that replace the others when a condition holds.",
        ),
    }


def _row(criterion: Criterion, is_new: bool) -> Schema:
    """Describe the scores of one criterion. Those of a new criterion must be complete."""
    key, scores = _scores(criterion)
    properties = {"brief": OPTIONAL_TEXT, key: scores, "evidence": reference("evidence")}
    row = nullable(mapping(properties))
    row["dependencies"] = {key: ["evidence"]}
    if is_new:
        row["allOf"] = [_complete_row(criterion)]
    return describe(row, criterion.question)


def _scores(criterion: Criterion) -> tuple[str, Schema]:
    """Return the key of a criterion's scores, and the schema of its value."""
    if criterion.choices:
        return "scores", nullable(mapping(dict.fromkeys(criterion.choices, _SCORE)))
    point = {**list_of([whole(0, _LARGEST), _SCORE], 2), "maxItems": 2}
    points = list_of(point, 1)
    return "points", describe(points, "[number, score], with rising numbers.")


def _complete_row(criterion: Criterion) -> Schema:
    key, _ = _scores(criterion)
    row: Schema = {"type": "object", "required": [key, "evidence"]}
    if criterion.choices:
        row["properties"] = {key: {"type": "object", "required": list(criterion.choices)}}
    return row


def _adjusted_scores(criterion: Criterion) -> Schema:
    key, scores = _scores(criterion)
    return scores if criterion.choices else nullable(mapping({key: scores}, [key]))


def _is_new_orchestrator(shipped: Rules) -> Schema:
    shipped_ids = [o.id for o in shipped.orchestrators]
    return {"required": ["id"], "properties": {"id": {"not": {"enum": shipped_ids}}}}


def _complete_orchestrator(criteria: Collection[Criterion]) -> Schema:
    rows = {
        "type": "object",
        "required": [c.id for c in criteria],
        "properties": {c.id: _complete_row(c) for c in criteria},
    }
    return {"required": ["title", "version", "criteria"], "properties": {"criteria": rows}}


def _evidence() -> Schema:
    claim = {
        "claim": describe(TEXT, "What is true, in your own words."),
        "source": describe(TEXT, "Where it is documented or was measured."),
        "date": describe(DATE, "When it was true."),
        "version": describe(TEXT, "The release for which it was true, in quotes."),
    }
    check = {
        "date": describe(DATE, "When the claim was last compared with its source."),
        "result": {"enum": list(CHECK_RESULTS)},
    }
    checked = {"checked": nullable(mapping(check, list(check)))}
    return list_of(mapping({**claim, **checked}, list(claim)), 1)
