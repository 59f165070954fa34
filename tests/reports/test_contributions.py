"""One model of what each answer adds: terminal, HTML, JSON and decision record cannot disagree."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from small_rules import SMALL
from support import RULES, some_answers, some_weights

from mlpo_cli.decision.engine import decide
from mlpo_cli.reports import adr, html, jsondoc, terminal
from mlpo_cli.reports.contributions import make_rows, sort_by_gap

ANSWERS = {"cluster": "none", "sharing": "alone", "people": 1}
WEIGHTS = {"cluster": 6, "sharing": 4.5, "people": 1}
# A bar of the terminal: its name, then for two orchestrators blocks and points.
_LINE = re.compile(r"^  (?P<name>\S.*?)  +(?P<first>█*) +(?P<points>[\d.]+)  +█* +[\d.]+$", re.M)
_BAR = re.compile(
    r'<div class="bar( leads)?"><span class="who">(\w+)</span>\s*'
    r'<span class="track">.*?width:([\d.]+)%.*?class="figure">([\d.]+)',
    re.S,
)


def drawn_in_terminal(decision):
    """Points and length of the leader's bar, by label."""
    text = terminal.render(SMALL, decision).plain
    return {
        line["name"].partition(":")[0]: (float(line["points"]), len(line["first"]))
        for line in _LINE.finditer(text)
    }


def drawn_in_html(decision):
    """Points and length in percent of each bar, by label and orchestrator."""
    source = html.render(SMALL, decision)
    drawn = {}
    for part in source.split('<div class="row">')[1:]:
        label = re.search(r"<strong>(.*?):", part)[1]
        for _, title, percent, figure in _BAR.findall(part):
            drawn[label, title] = (float(figure), float(percent))
    return drawn


def test_a_bar_of_the_terminal_is_as_long_as_its_points_with_the_teams_own_weights_too():
    bars = drawn_in_terminal(decide(SMALL, ANSWERS, WEIGHTS))
    assert bars["Cluster"] == (24, 16)
    assert bars["Sharing"] == (18, 12)


def test_html_shows_the_same_points_on_the_same_scale():
    decision = decide(SMALL, ANSWERS, WEIGHTS)
    bars = drawn_in_html(decision)
    assert bars["Cluster", "Alder"] == (24, 100)
    assert bars["Sharing", "Alder"] == (18, 75)


def test_the_page_of_none_fits_paints_no_leader():
    decision = decide(SMALL, {"work": "script", **ANSWERS})
    source = html.render(SMALL, decision)
    assert "None of these fits" in source
    assert "Alder</span>" in source
    assert 'class="bar leads"' not in source


def in_adr(decision):
    """Points by label and orchestrator, as the decision record has them."""
    table = adr.render(SMALL, decision.orchestrator, decision).split("## Contributions")[1]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line[:1] == "|"]
    titles = [orchestrator.title for orchestrator in SMALL.orchestrators]
    return {
        (cells[0], title): float(cell.partition(" (fit")[0])
        for cells in lines[2:-1]
        for title, cell in zip(titles, cells[2:], strict=True)
    }


def test_all_four_reports_show_the_same_points():
    decision = decide(SMALL, ANSWERS, WEIGHTS)
    shown, recorded = drawn_in_html(decision), in_adr(decision)
    document = jsondoc.decision_document(decision)
    terminal_points = {label: points for label, (points, _) in drawn_in_terminal(decision).items()}
    for row in document["criteria"]:
        label = SMALL.criterion(row["criterion"]).label
        assert terminal_points[label] == pytest.approx(row["points"]["alder"], abs=0.05)
        for id, points in row["points"].items():
            title = SMALL.orchestrator(id).title
            assert points == row["weight"] * row["fit"][id]
            assert shown[label, title][0] == pytest.approx(points, abs=0.05)
            assert recorded[label, title] == pytest.approx(points, abs=0.05)
    for orchestrator in SMALL.orchestrators:
        total = sum(row["points"][orchestrator.id] for row in document["criteria"])
        assert recorded["Sum", orchestrator.title] == pytest.approx(total, abs=0.05)


@pytest.mark.slow
@settings(max_examples=15)
@given(some_answers(), some_weights())
def test_points_are_weight_by_fit_and_their_parts_sum_to_the_score(answers, weights):
    decision = decide(RULES, answers, weights)
    rows = make_rows(decision)
    for row in rows:
        for cell in row.cells.values():
            assert cell.points == row.weight * cell.fit
            assert 0 <= cell.width <= 1
    for id, score in decision.scores.items():
        assert sum(row.cells[id].score_part for row in rows) == score
        assert sum(row.cells[id].points for row in rows) == decision.points[id]
    most = max((cell.points for row in rows for cell in row.cells.values()), default=0)
    widths = {cell.width for row in rows for cell in row.cells.values() if cell.points == most}
    assert widths <= ({1.0} if most else {0.0})


@settings(max_examples=10)
@given(some_answers())
def test_only_the_leader_leads_and_nobody_where_none_fits(answers):
    decision = decide(RULES, answers)
    leaders = {id for row in make_rows(decision) for id, c in row.cells.items() if c.leads}
    assert leaders <= {decision.orchestrator}
    assert len(leaders) == (decision.orchestrator is not None and bool(decision.contributions))


def test_rows_are_sorted_by_the_gap_and_keep_their_order_where_there_is_none():
    rows = make_rows(decide(SMALL, ANSWERS, WEIGHTS))
    by_gap = sort_by_gap(rows, "alder", "cedar")
    gaps = [abs(row.cells["alder"].points - row.cells["cedar"].points) for row in by_gap]
    assert gaps == sorted(gaps, reverse=True)
    assert sort_by_gap(rows, None, None) == list(rows)
