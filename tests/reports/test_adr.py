"""The decision record stands on its own in a design review."""

from __future__ import annotations

import re

from level_rules import load_level_rules
from small_rules import SMALL
from support import EXAMPLES, RULES

from mlpo_cli.decision.engine import decide
from mlpo_cli.reports import adr
from mlpo_cli.yamlmap import parse_yaml


def example(name, rules=RULES):
    document = parse_yaml((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"), name).data
    return decide(rules, document["criteria"])


def test_it_has_the_day_of_the_decision_and_says_so():
    text = adr.render(RULES, "metaflow", example("startup"), "2026-12-24")
    assert text.startswith("---\nstatus: accepted\ndate: 2026-12-24\n---\n")
    assert f"Rules reviewed on {RULES.reviewed}. Decided on 2026-12-24." in text


def test_it_follows_madr_and_is_dated_by_the_rules():
    text = adr.render(RULES, "metaflow", example("startup"))
    assert text.startswith(f"---\nstatus: accepted\ndate: {RULES.reviewed}\n---\n\n# Use Metaflow")
    headings = re.findall(r"^##? .*$", text, re.M)
    assert headings == [
        "# Use Metaflow for the ML pipeline",
        "## Context and problem statement",
        "## Decision drivers",
        "## Considered options",
        "## Decision outcome",
        "## Contributions",
        "## Vetoes and gates",
        "## What would change the result",
        "## Questions still open that could change it",
        "## Evidence",
        "## More information",
    ]
    assert RULES.version in text
    assert f"Rules reviewed on {RULES.reviewed}, which is the date of this record" in text


def test_it_says_what_will_have_to_be_operated_and_links_the_evidence():
    text = adr.render(RULES, "kubeflow", example("platform"))
    assert RULES.orchestrator("kubeflow").operate[0] in text
    assert "https://www.kubeflow.org/" in text


def test_points_are_shown_with_the_fit_that_they_come_from():
    text = adr.render(SMALL, "birch", decide(SMALL, {"cluster": "running", "sharing": "strict"}))
    assert "| Sharing | 2 | 2.0 (fit 1) | 8.0 (fit 4) | 4.0 (fit 2) |" in text


def test_several_choices_are_all_in_the_record():
    fits = {"compliance": {"lineage": 4, "access_control": 4, "airgapped": 4}}
    rules = load_level_rules(kubeflow=fits)
    text = adr.render(rules, "kubeflow", example("platform", rules))
    choices = RULES.criterion("compliance").choices
    row = "; ".join(f"`{id}`: {choices[id]}" for id in ("lineage", "access_control", "airgapped"))
    assert f"| Which governance requirements are there? | {row} |" in text
    assert "Metaflow on Governance (lineage + access_control + airgapped)." in text


def test_without_answers_it_is_not_evaluated():
    text = adr.render(RULES, "metaflow", None)
    assert "not evaluated" in text
    assert "Contributions" not in text
    assert RULES.orchestrator("metaflow").operate[0] in text


def test_a_toss_up_and_a_none_stay_proposed():
    toss_up = decide(SMALL, {"place": "service"})
    none = decide(RULES, {"workload": "single_job"})
    assert "status: proposed" in adr.render(SMALL, "birch", toss_up)
    assert "Try Birch and Alder for two days each" in adr.render(SMALL, "birch", toss_up)
    assert "status: proposed" in adr.render(RULES, None, none)
    assert "None of the options fits." in adr.render(RULES, None, none)


def test_a_choice_against_none_says_so():
    text = adr.render(RULES, "metaflow", decide(RULES, {"workload": "single_job"}))
    assert "status: accepted" in text
    assert "by the team; mlpo recommends none of them. A single job gains nothing" in text


def test_a_choice_against_the_advice_says_how_sure_the_advice_is():
    rules = load_level_rules(zenml={"vendor_neutral": {"must": 4}})
    text = adr.render(rules, "metaflow", example("multi-cloud", rules))
    assert "Chosen: Metaflow, by the team; mlpo recommends ZenML, because" in text
    assert "\nThat recommendation is sure: ZenML stays first in" in text


def test_a_table_survives_a_pipe_in_a_text():
    rows = [
        line
        for line in adr.render(RULES, "metaflow", example("startup")).splitlines()
        if line.startswith("|")
    ]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {3, 6}
