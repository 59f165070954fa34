"""A claim that could not be found again says so wherever it is shown."""

from __future__ import annotations

import json
from html import unescape

import pytest
from support import mlpo

ANSWERS = "schema_version: 1\ncriteria: {cloud: aws, trigger: event}\n"
LAYER = """\
schema_version: 1
reviewed: 2026-11-23
criteria:
  cloud:
    evidence:
      - claim: It ran here.
        source: handbook, page 3
        date: 2026-01-02
        version: "1.4"
        checked: {date: 2026-03-04, result: RESULT}
      - {claim: Nobody looked again., source: handbook, date: 2026-01-02, version: "1.4"}
"""
NOT_FOUND = "2026-01-02, 1.4; checked 2026-03-04: not found"


def reports(folder, result):
    """What each report says of a claim of the team's own whose check had this result."""
    rules = folder / "rules" / "orchestrators"
    rules.mkdir(parents=True)
    (rules / "metaflow.yaml").write_text(LAYER.replace("RESULT", result), encoding="utf-8")
    recommend = ["recommend", "--answers", "-", "--rules", "rules"]
    commands = {
        "explain": [*recommend, "--explain"],
        "adr": [*recommend, "--format", "adr"],
        "html": [*recommend, "--format", "html"],
        "json": [*recommend, "--format", "json"],
        "compare": ["compare", "--rules", "rules", "--format", "markdown"],
        "compare json": ["compare", "--rules", "rules", "--format", "json"],
    }
    texts = {}
    for name, command in commands.items():
        done = mlpo(*command, cwd=folder, stdin=ANSWERS if "-" in command else None)
        assert done.returncode == 0, done.stderr
        texts[name] = done.stdout
    return texts


@pytest.mark.slow
@pytest.mark.parametrize("result", ["not found", "confirmed", "corrected"])
def test_only_a_claim_that_was_not_found_is_marked_for_readers(tmp_path, result):
    texts = reports(tmp_path, result)
    for name in ("explain", "adr", "html", "compare"):
        text = " ".join(unescape(texts[name]).split())
        assert "2026-01-02, 1.4" in text
        assert (NOT_FOUND in text) is (result == "not found"), name


@pytest.mark.slow
def test_scripts_get_every_check_and_null_without_one(tmp_path):
    texts = reports(tmp_path, "corrected")
    check = {"date": "2026-03-04", "result": "corrected"}
    recommended = json.loads(texts["json"])["criteria"]
    cloud = next(row for row in recommended if row["criterion"] == "cloud")
    assert [item["checked"] for item in cloud["evidence"]["metaflow"]] == [check, None]
    compared = json.loads(texts["compare json"])["orchestrators"]
    metaflow = next(o for o in compared if o["id"] == "metaflow")
    evidence = metaflow["criteria"]["cloud"]["evidence"]
    assert [item["checked"] for item in evidence] == [check, None]
