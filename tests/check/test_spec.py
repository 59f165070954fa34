"""Compiled pipelines: where a value is, and that no document grows or takes long."""

from __future__ import annotations

import json

import pytest
from checking import check, find

HEAD = "pipelineInfo:\n  name: x\ndeploymentSpec:\n  executors:\n"
TASK = "    exec-train:\n      container:\n        image: a:latest\n"


def test_a_finding_is_at_the_value():
    (finding,) = find(HEAD + TASK, "p.yaml")
    assert finding.where == "p.yaml:7:16"
    assert finding.place.end_column == 24
    assert finding.code == "image: a:latest"


def test_it_may_be_json_and_inside_another_document():
    spec = {
        "pipelineInfo": {"name": "x"},
        "deploymentSpec": {"executors": {"exec-a": {"container": {"image": "a"}}}},
    }
    for document in (spec, {"pipelineSpec": spec}, {"spec": {"pipelineSpec": spec}}):
        assert [f.rule for f in find(json.dumps(document), "p.json")] == ["MLP405"]


def test_a_second_document_and_other_yaml_are_left_alone():
    assert len(find(f"{HEAD}{TASK}---\nplatforms: {{}}\n", "p.yaml")) == 1
    assert not check("kind: Workflow\nimage: a:latest\n", "p.yaml").is_relevant
    assert not check("pipelineInfo: 3\nimage: a:latest\n", "p.yaml").is_relevant


def test_an_alias_is_followed():
    text = HEAD + TASK.replace("container:", "container: &c") + "    exec-b:\n      container: *c\n"
    assert [finding.place.line for finding in find(text, "p.yaml")] == [7]


def test_a_document_of_aliases_does_not_grow():
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60)]
    assert find("\n".join(lines) + f"\n{HEAD}{TASK}", "p.yaml")


@pytest.mark.parametrize(
    "text",
    ["[" * 1000, "a: " + "{a: " * 300, "- " * 5000, "a: [" + "1, " * 100_000 + "]"],
    ids=["brackets", "mappings", "lists", "values"],
)
def test_a_document_beyond_the_limits_is_skipped_or_broken(text):
    result = check(f"{text}\npipelineInfo:\n", "p.yaml")
    assert result.skipped or [finding.rule for finding in result.findings] == ["MLP900"]


def test_broken_yaml_is_reported_where_it_breaks():
    (finding,) = find(f"{HEAD}    a: b: c\n{TASK}", "p.yaml")
    assert (finding.rule, finding.where) == ("MLP900", "p.yaml:5:9")
