"""The JSON Schema (draft 7) of rules files: what the files in a folder for --rules may hold.

One schema describes all of them; the keys of a file tell which one it is. To add a key to the
rules, parse it and add it to the properties here or in schema_policy.py: a test compares the keys
of both. tests/rules/test_schema.py lists what only the loader checks.
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
    described,
    listing,
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
_HEAD: dict[str, Schema] = {
    "schema_version": {"type": "integer", "enum": [1]},
    "reviewed": described(DATE, "The day on which the file was last checked."),
}


def build_rules_schema(rules: Rules, shipped: Rules) -> Schema:
    """Build the schema of layers over the rules `shipped`; `rules` are those with one layer.

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
    return mapping({**_HEAD, **properties}, list(_HEAD))


def _has_any(keys: Collection[str]) -> Schema:
    return {"anyOf": [{"required": [key]} for key in sorted(keys)]}


def _has_rows() -> Schema:
    """Tell an orchestrator's mapping of criteria from the list of them in criteria.yaml."""
    return {"required": ["criteria"], "properties": {"criteria": {"type": "object"}}}


def _criteria_properties(rules: Rules, shipped: Rules) -> dict[str, Schema]:
    prior_when = {"when": shapes.not_only_exceptions(reference("condition")), "prior": _PRIOR}
    criterion = {
        "label": described(TEXT, "The name of the criterion in reports."),
        "weight": described(whole(0, 100), "3 usually decides, 1 tips a close call, 0 is off."),
        "concerns": described({"enum": list(CONCERNS)}, "Whether each team has an answer."),
        "question": TEXT,
        "help": OPTIONAL_TEXT,
        "type": {"enum": ["integer", None]},
        "min": whole(0, _LARGEST),
        "max": whole(0, _LARGEST),
        "choices": described(
            {
                "type": ["object", "null"],
                "propertyNames": {"pattern": "^[a-z0-9][a-z0-9_-]*$"},
                "additionalProperties": TEXT,
            },
            "Each answer with its text.",
        ),
        "several": described(
            {"type": ["boolean", "null"]}, "Whether an answer may be several choices."
        ),
        "indifferent": described(
            nullable(listing({"type": "string"})), 'The choices that mean "no preference".'
        ),
        "prior": described(_PRIOR, "How common each answer is. The shares add up to 1."),
        "priors_when": described(
            nullable(listing(mapping(prior_when, ["when", "prior"]))),
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
            listing(
                {
                    **shapes.entry(criterion, [c.id for c in shipped.criteria], is_new),
                    "allOf": [_answers_of(c) for c in rules.criteria],
                }
            )
        ),
        "contradictions": described(
            shapes.entries(
                contradiction, [c.id for c in shipped.contradictions], ["when", "message"]
            ),
            "Answers that cannot all be true.",
        ),
    }


def _answers_of(criterion: Criterion) -> Schema:
    """Restrict the prior and the indifferent answers of a criterion to answers that it has."""
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
        "set": described(
            nullable(mapping({c.id: _adjusted_scores(c) for c in criteria})),
            "The scores that replace those of the rows.",
        ),
        "operate": described(
            nullable(listing(TEXT)), "What a team has to operate then, instead of the usual."
        ),
        "evidence": reference("evidence"),
    }
    with_evidence = {**mapping(adjustment), "dependencies": {"set": ["evidence"]}}
    return {
        "id": ID,
        "title": TEXT,
        "version": described(TEXT, "The release that was scored."),
        "best_for": OPTIONAL_TEXT,
        "operate": described(nullable(listing(TEXT)), "What a team has to operate with it."),
        "criteria": nullable(mapping({c.id: reference(f"row-{c.id}") for c in criteria})),
        "adjustments": described(
            nullable(listing(shapes.droppable(with_evidence))),
            "What holds instead when a condition is met.",
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
    return described(row, criterion.question)


def _scores(criterion: Criterion) -> tuple[str, Schema]:
    """Return the key of a criterion's scores, and what may be there."""
    if criterion.choices:
        return "scores", nullable(mapping(dict.fromkeys(criterion.choices, _SCORE)))
    point = {**listing([whole(0, _LARGEST), _SCORE], 2), "maxItems": 2}
    points = listing(point, 1)
    return "points", described(points, "[number, score], with rising numbers.")


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
    known = [o.id for o in shipped.orchestrators]
    return {"required": ["id"], "properties": {"id": {"not": {"enum": known}}}}


def _complete_orchestrator(criteria: Collection[Criterion]) -> Schema:
    rows = {
        "type": "object",
        "required": [c.id for c in criteria],
        "properties": {c.id: _complete_row(c) for c in criteria},
    }
    return {"required": ["title", "version", "criteria"], "properties": {"criteria": rows}}


def _evidence() -> Schema:
    claim = {
        "claim": described(TEXT, "What is true, in your own words."),
        "source": described(TEXT, "Where you know it from."),
        "date": described(DATE, "When it was so."),
        "version": described(TEXT, "The release that it was so for, in quotes."),
    }
    check = {
        "date": described(DATE, "When the claim was looked up again."),
        "result": {"enum": list(CHECK_RESULTS)},
    }
    checked = {"checked": nullable(mapping(check, list(check)))}
    return listing(mapping({**claim, **checked}, list(claim)), 1)
