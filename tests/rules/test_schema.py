"""The JSON Schema of rules files agrees with the loader, as far as JSON Schema can say it.

It takes 8.0 for a whole number, as JSON Schema does. It is strict about keys that the loader does
not read: `points` where a criterion has choices, the ids of adjustments and combined outcomes. What
only the loader finds is in ONLY_THE_LOADER.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_rules import DOCUMENTS, EVIDENCE, HEAD, SMALL, load_documents
from support import EXAMPLES, RULES, mlpo

from mlpo_cli.errors import RulesError
from mlpo_cli.resources import rules_dir
from mlpo_cli.rules.node import Node
from mlpo_cli.rules.schema import build_rules_schema
from mlpo_cli.yamlmap import parse_yaml

# What a schema of one file cannot say: it does not calculate, compares no two places, and knows
# neither the other files nor which orchestrator's file it sees.
ONLY_THE_LOADER = (
    "rising numbers", "add up to 1", "is defined twice", "indifferent but",  # two places
    "there is no row for", "'(extra|yes|no)' is not known here",  # another file
    "an entry has no id", "(why|id|winner|message) must be text",  # whether it is new
    "criteria must be a (mapping|list)",  # which file
    "has control characters",
)  # fmt: skip


def validator(schema: Any) -> Any:
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


SHIPPED = validator(build_rules_schema(RULES, RULES))
OVER_SMALL = validator(build_rules_schema(SMALL, SMALL))


def as_json(path: Path) -> Any:
    """A rules file as an editor hands it to the schema: all keys are texts."""
    return json.loads(json.dumps(parse_yaml(path.read_text(encoding="utf-8"), path.name).data))


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.yaml"))


@pytest.mark.parametrize("path", files_of(rules_dir()), ids=lambda path: path.name)
def test_the_shipped_files_are_valid(path):
    assert list(SHIPPED.iter_errors(as_json(path))) == []


@pytest.mark.slow
def test_the_example_is_valid_under_the_schema_that_is_made_with_it(tmp_path):
    printed = mlpo("schema", "rules", "--rules", str(EXAMPLES / "rules"), cwd=tmp_path).stdout
    for path in files_of(EXAMPLES / "rules"):
        assert list(validator(json.loads(printed)).iter_errors(as_json(path))) == []


def test_without_a_layer_the_schema_is_the_one_of_the_shipped_rules(tmp_path):
    assert json.loads(mlpo("schema", "rules", cwd=tmp_path).stdout) == SHIPPED.schema
    ran = mlpo("schema", "rule", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "use one of: answers, rules" in ran.stderr


def test_the_schema_knows_every_key_that_the_loader_knows_and_no_other(monkeypatch):
    """An unknown key is put wherever the loader checks keys; the schema names those it knows."""
    checked = []

    def record(node: Node, *keys: str) -> None:
        checked.append((Path(node._document.name), node.path, set(keys)))

    monkeypatch.setattr(Node, "check_keys", record)
    load_documents(DOCUMENTS)
    assert len({keys for _, _, found in checked for keys in found}) > 20
    for file, path, keys in checked:
        name = file.name if file.name in DOCUMENTS else f"orchestrators/{file.name}"
        document = copy.deepcopy(DOCUMENTS[name])
        value_at(document, path)["zzz"] = 1
        (known,) = (
            set(error.schema["properties"])
            for error in OVER_SMALL.iter_errors(document)
            if error.validator == "additionalProperties" and tuple(error.path) == path
        )
        either = {"scores", "points"}  # the schema knows which of them a criterion has
        assert known - either == keys - either, (name, path)


def value_at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


ROW = {"scores": {"yes": 3, "no": 3}, "evidence": EVIDENCE}
NEW_CRITERION = {
    "id": "extra",
    "label": "Extra",
    "weight": 1,
    "concerns": "some_teams",
    "question": "Extra?",
    "choices": {"yes": "Yes", "no": "No"},
    "prior": {"yes": 0.5, "no": 0.5},
}
# Changes, additions and drops of all kinds.
LAYER: dict[str, Any] = {
    "criteria.yaml": {
        **HEAD,
        "criteria": [{"id": "place", "weight": 2}, {"id": "people", "max": 500}, NEW_CRITERION],
        "contradictions": [{"id": "rack-without-cluster", "message": "No."}],
    },
    "policy.yaml": {
        **HEAD,
        "vetoes": [
            {"id": "script", "drop": True},
            {
                "id": "extra-veto",
                "orchestrators": ["dogwood"],
                "when": {"extra": "yes", "place_not": ["desk", "rack"]},
                "message": "No.",
            },
        ],
        "gates": [{"id": "birch-is-earned", "may_win_if_any": [{"cluster": "planned"}]}],
        "tie_break": {"order": ["dogwood", "alder", "birch", "cedar"]},
        "confidence": {"labels": {"robust": 0.9}, "draws": 10},
        "combined_outcomes": [{"id": "alder-on-birch", "drop": True}],
    },
    "orchestrators/alder.yaml": {
        **HEAD,
        "criteria": {"extra": ROW, "place": {"scores": {"desk": 0}, "evidence": EVIDENCE}},
    },
    "orchestrators/birch.yaml": {
        **HEAD,
        "title": "Silver birch",
        "criteria": {"extra": ROW, "people": {"points": [[1, 2], [5, 3]], "evidence": EVIDENCE}},
        "adjustments": [{"id": "service-has-the-cluster", "when": {"place": ["service", "rack"]}}],
    },
    "orchestrators/cedar.yaml": {**HEAD, "criteria": {"extra": {**ROW, "brief": "Short"}}},
    "orchestrators/dogwood.yaml": {
        **DOCUMENTS["orchestrators/birch.yaml"],
        "id": "dogwood",
        "criteria": {**DOCUMENTS["orchestrators/birch.yaml"]["criteria"], "extra": ROW},
    },
}


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value below this one."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [
        (*path, key, *rest)
        for key, item in items
        for rest in [(), *(paths_of(item) if isinstance(item, (dict, list)) else [])]
    ]


PLACES = [
    (file, path)
    for file, document in LAYER.items()
    for path in paths_of(document)
    if not ({"adjustments", "combined_outcomes"} & set(path) and path[-1] == "id")
]
odd = st.sampled_from(
    [None, True, 0, 1, 3, 5, 101, -1, 0.5, 1.5, "", " ", "x", "Not An Id", "yes", "birch", "place",
     "all", "2026-02-30", "2026-13-01", [], {}, ["birch"], [[1, 1]], {"place": "desk"}, {"x": 1},
     [{"id": "x"}], [None]]
)  # fmt: skip


def mutate(layer: dict[str, Any], place: tuple[str, tuple[Any, ...]], change: Any) -> Any:
    """One value taken out, replaced, or put under another key."""
    file, path = place
    mutated = copy.deepcopy(layer)
    around = value_at(mutated[file], path[:-1])
    kind, value = change
    old = around.pop(path[-1])
    if kind == "replaced":
        around.insert(path[-1], value) if isinstance(around, list) else around.update(
            {path[-1]: value}
        )
    elif kind == "renamed" and isinstance(around, dict):
        around[str(value)] = old
    return mutated


def find_problems(layer: dict[str, Any]) -> tuple[Any, list[str]]:
    """Load the rules with this layer: the rules, or None and what the loader says."""
    try:
        return load_documents(DOCUMENTS, layer), []
    except RulesError as error:
        return None, [problem.what for problem in error.problems]


def is_valid(layer: dict[str, Any], with_layer: Any) -> bool:
    check = validator(build_rules_schema(with_layer, SMALL))
    return all(check.is_valid(json.loads(json.dumps(document))) for document in layer.values())


WITH_LAYER = load_documents(DOCUMENTS, LAYER)


def test_changes_additions_and_drops_of_all_kinds_are_valid():
    assert is_valid(LAYER, WITH_LAYER)


@pytest.mark.slow
@settings(max_examples=150)
@given(
    st.sampled_from(PLACES),
    st.just(("deleted", None))
    | st.tuples(st.just("replaced"), odd)
    | st.tuples(st.just("renamed"), odd),
)
def test_schema_and_loader_agree_on_a_layer_with_one_mistake(place, change):
    mutated = mutate(LAYER, place, change)
    loaded, problems = find_problems(mutated)
    if loaded is not None:
        assert is_valid(mutated, loaded)
    elif is_valid(mutated, WITH_LAYER):
        assert any(re.search(reason, what) for reason in ONLY_THE_LOADER for what in problems)
