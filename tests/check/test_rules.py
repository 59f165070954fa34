"""What every rule promises: its examples are true, and its page says all."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import check, find

from mlpo_cli.check.catalog import load_rules
from mlpo_cli.check.fix import apply_fixes, choose_fixes
from mlpo_cli.check.model import Severity

RULES = [loaded.rule for loaded in load_rules()]
EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.id} {example.file}")
    for rule in RULES
    for example in rule.examples
]
OLD = (3, 11)  # the Python that the examples are checked for: some need a newer one


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_the_bad_example_is_reported_by_this_rule_alone(rule, example):
    assert {finding.rule for finding in find(example.bad, example.file, OLD)} == {rule.id}


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_the_good_example_is_clean(rule, example):
    result = check(example.good, example.file, OLD)
    assert (result.findings, result.skipped) == ((), "")
    assert result.is_relevant


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_the_fix_of_the_bad_example_gives_the_good_one(rule, example):
    result = check(example.bad, example.file, OLD)
    fixes = choose_fixes(result.findings, with_unsafe=True)
    assert bool(fixes) is example.is_fixed
    if example.is_fixed:
        assert result.source is not None
        text, applied = apply_fixes(result.source, fixes)
        assert (text, applied) == (example.good, len(fixes))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_all_about_itself(rule):
    path = Path(__file__).parents[2] / "src/mlpo_cli/check/rules" / f"{rule.id.lower()}.py"
    assert path.is_file()
    assert rule.sdks
    assert rule.examples
    for text in (rule.what, rule.why, rule.advice, *([rule.fix] if rule.fix else [])):
        assert text.strip().endswith((".", "`"))
    assert not rule.title.endswith(".")
    assert bool(rule.fix) is any(example.is_fixed for example in rule.examples)
    assert rule.sources or rule.severity is not Severity.ERROR, "what breaks was seen or read"


def test_no_two_rules_have_the_same_title():
    assert len({rule.title for rule in RULES}) == len(RULES)
