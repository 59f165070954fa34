"""The HTML report is one file that fetches nothing, and says all of the Decision."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from level_rules import LAPTOP, load_level_rules
from small_rules import SMALL
from support import EXAMPLES, RULES, some_answers

from mlpo_cli.decision.engine import decide
from mlpo_cli.reports import html, terminal, verdict
from mlpo_cli.yamlmap import parse_yaml

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Tags with their attributes, the text, and whether all that opens closes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page(answers, rules=RULES):
    return Page(html.render(rules, decide(rules, answers)))


def example(name):
    return parse_yaml((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"), name).data[
        "criteria"
    ]


def test_several_choices_are_all_on_the_page():
    choices = RULES.criterion("compliance").choices
    text = page({"team_size": 5, "compliance": ["lineage", "airgapped"]}).text
    assert f"{choices['lineage']}; {choices['airgapped']}" in text


def test_it_has_the_answer_and_the_flips():
    text = page(example("startup"), load_level_rules(**LAPTOP)).text
    assert "Sure: Metaflow stays first in" in text
    assert "Vendor neutrality: with must, ZenML comes first" in text


def test_it_has_each_piece_of_evidence():
    answers = example("startup")
    shown = page(answers)
    for orchestrator in RULES.orchestrators:
        for id in answers:
            for item in orchestrator.rows[id].evidence:
                assert item.claim in shown.text
    links = {attrs["href"] for tag, attrs in shown.tags if tag == "a"}
    assert "https://docs.metaflow.org/scaling/remote-tasks/gpu-compute" in links


@pytest.mark.slow
@settings(max_examples=25)
@given(some_answers())
def test_it_fetches_nothing_and_is_well_formed(answers):
    shown = page(answers)
    assert shown.open == []
    fetching = {"script", "img", "link", "iframe", "object", "embed", "video", "audio", "base"}
    assert not fetching & {tag for tag, _ in shown.tags}
    assert not any("src" in attrs or "srcset" in attrs for _, attrs in shown.tags)
    source = html.render(RULES, decide(RULES, answers))
    assert "url(" not in source
    assert "@import" not in source
    assert "default-src 'none'" in source


def test_the_longest_bar_of_a_score_is_the_best_score():
    decision = decide(RULES, example("startup"))
    source = html.render(RULES, decision)
    assert f"width:{100 * float(decision.scores['metaflow']) / 4:.1f}%" in source


def test_none_and_a_toss_up_are_called_what_they_are():
    assert "None of these fits" in page({"workload": "single_job"}).text
    text = page({"place": "service"}, SMALL).text
    assert "Birch leads" in text
    assert "Too close to call" in text
    assert "Try Birch and Alder for two days each" in text


@pytest.mark.slow
def test_terminal_and_page_give_the_same_reason_and_certainty():
    for answers in (example("startup"), {"workload": "single_job"}, {}):
        decision = decide(RULES, answers)
        text = page(answers).text
        printed = " ".join(terminal.render(RULES, decision).plain.split())
        for sentence in (
            verdict.write_reason(RULES, decision),
            verdict.describe_certainty(RULES, decision),
        ):
            assert sentence in text
            assert sentence.removeprefix("Because ") in printed


def test_none_shows_no_shares_of_variations():
    assert "variations" in page({"team_size": 3}).text
    assert "First in how many" not in page({"workload": "single_job"}).text


def test_text_of_the_rules_cannot_become_markup():
    from dataclasses import replace

    policy = replace(RULES.policy, text="<script>alert(1)</script>")
    hostile = replace(RULES, policy=policy)
    source = html.render(hostile, decide(hostile, {}))
    assert "<script>" not in source
    assert "&lt;script&gt;" in source


def test_the_same_decision_gives_the_same_bytes():
    answers = example("platform")
    assert html.render(RULES, decide(RULES, answers)) == html.render(RULES, decide(RULES, answers))
