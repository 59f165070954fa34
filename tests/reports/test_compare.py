"""Side by side from the rules: nothing left out, and the evidence with it."""

from __future__ import annotations

import json

from small_rules import SMALL
from support import EXAMPLES, RULES

from mlpo_cli import rules
from mlpo_cli.reports import compare
from mlpo_cli.reports.terminal import WIDTH
from mlpo_cli.resources import rules_dir


def test_the_table_fits_80_columns_and_has_every_criterion():
    text = compare.render_table(RULES).plain
    assert max(map(len, text.splitlines())) <= WIDTH
    for criterion in RULES.criteria:
        assert f"\n{criterion.label} " in text


def test_every_cell_of_our_rules_has_words():
    for orchestrator in RULES.orchestrators:
        assert orchestrator.best_for
        for id, row in orchestrator.rows.items():
            assert row.brief, (orchestrator.id, id)


def test_markdown_has_each_fit_and_each_claim():
    text = compare.render_markdown(RULES)
    for orchestrator in RULES.orchestrators:
        for row in orchestrator.rows.values():
            assert f"(fit: {compare.list_fits(row.scores)})" in text
            assert all(item.claim in text for item in row.evidence)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == len(RULES.criteria) + 3
    assert {line.count(" | ") for line in table} == {3}


def test_json_has_fits_and_evidence_for_scripts():
    document = json.loads(compare.RENDERERS["json"](SMALL))
    assert document["schema_version"] == 1
    birch = next(o for o in document["orchestrators"] if o["id"] == "birch")
    assert birch["criteria"]["place"]["fit"] == {"desk": 1, "service": 4, "many": 3, "rack": 4}
    evidence = birch["criteria"]["place"]["evidence"][0]
    assert evidence.keys() == {"claim", "source", "date", "version", "checked"}


def test_the_seeds_table_is_corrected():
    """Two mistakes that were in the first table of this product."""
    text = compare.render_markdown(RULES)
    assert 'There is no "--local" option' in text
    assert '"needs a cluster" is out of date' in text


def test_a_fourth_orchestrator_gets_a_column():
    text = compare.render_table(rules.load(rules_dir(), EXAMPLES / "rules")).plain
    assert text.splitlines()[0].split()[0] == "Flyte"
