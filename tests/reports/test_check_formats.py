"""The formats of findings: nothing in a checked file can break them."""

from __future__ import annotations

import json

import pytest
from checking import PIPELINE, find

from mlpo_cli.check.model import Finding
from mlpo_cli.check.outcome import Outcome
from mlpo_cli.reports.check_formats import render

IMAGE = "\\x1b[31m,\\n::é/x:latest"
TEXT = f"{PIPELINE}    train().set_gpu_limit(1)\nx = dsl.ContainerSpec(image='{IMAGE}')\n"


def make_outcome(file: str = "a b/x,y:%.py") -> Outcome:
    findings: list[Finding] = find(TEXT, file)
    assert [finding.rule for finding in findings] == ["MLP201", "MLP202", "MLP405"]
    return Outcome(findings, seen=3, checked=2, skipped=[("big.py", "larger than 512 KiB")])


def test_text_has_what_why_and_fix_in_80_columns_without_escape_codes_of_the_file():
    out = str(render("text", make_outcome()))
    assert "a b/x,y:%.py:9:13" in out
    assert "why: " in out
    assert "fix: " in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert "1 error, 2 warnings in 2 files." in out


def test_json_has_every_field_of_a_finding():
    document = json.loads(str(render("json", make_outcome())))
    first = document["findings"][0]
    assert (first["rule"], first["line"], first["column"]) == ("MLP201", 9, 13)
    assert first["fix"]["safe"] is False
    assert document["counts"]["error"] == 1
    assert document["files"] == {"seen": 3, "checked": 2}
    assert document["skipped"] == [{"file": "big.py", "reason": "larger than 512 KiB"}]


def test_sarif_names_rules_places_and_levels():
    log = json.loads(str(render("sarif", make_outcome())))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "a%20b/x%2Cy%3A%25.py"
    assert location["region"]["startLine"] == 9
    assert [result["level"] for result in run["results"]] == ["error", "warning", "warning"]
    prints = [result["partialFingerprints"]["mlpo/v1"] for result in run["results"]]
    assert len(set(prints)) == 3


def test_annotations_are_one_line_each_and_escaped():
    lines = str(render("github", make_outcome())).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("::error title=MLP201,file=a b/x%2Cy%3A%25.py,line=9,col=13,")
    assert "%0AFix: " in lines[0]
    assert lines[2].startswith("::warning ")


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome(), "There are no files of Python or YAML and no notebooks here.\n"),
        (Outcome(seen=3), "3 files: none uses Metaflow, KFP or ZenML.\n"),
        (Outcome(seen=3, checked=1), "Nothing found in 1 file.\n"),
    ],
)
def test_a_clean_result_says_what_was_checked(outcome, text):
    assert str(render("text", outcome)) == text
    assert render("github", outcome) == ""
