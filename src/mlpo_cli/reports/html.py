"""A Decision as one HTML file: no script, nothing fetched, light and dark, fit for print."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mlpo_cli.decision.conditions import Number
from mlpo_cli.decision.model import Evidence, Rules
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.decision.policy import list_in_tie_break_order
from mlpo_cli.reports import contributions, sentences, verdict

_HIGHEST_SCORE = 4
_URL = re.compile(r"(https?://[^\s()]+)\s*(.*)")


@dataclass(frozen=True)
class Bar:
    """One bar: the orchestrator, the length in percent, and the figure beside it."""

    title: str
    percent: float
    figure: str
    leads: bool


@dataclass(frozen=True)
class Claim:
    """One piece of evidence. `url` is empty where the source is no address."""

    title: str
    text: str
    source: str
    url: str
    dated: str


@dataclass(frozen=True)
class Row:
    """One criterion: the question, the answer, the bars and the evidence."""

    label: str
    question: str
    answer: str
    weight: str
    bars: tuple[Bar, ...]
    claims: tuple[Claim, ...]


def render(rules: Rules, decision: Decision) -> str:
    """The page. The same Decision gives the same bytes."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    order = _rank(rules, decision)
    rows = contributions.sort_by_gap(
        contributions.make_rows(decision), decision.orchestrator, decision.runner_up
    )
    sure = decision.confidence
    return environment.get_template("report.html.j2").render(
        decision=decision,
        name=verdict.name_result(rules, decision),
        reason=verdict.write_reason(rules, decision),
        certainty=verdict.describe_certainty(rules, decision),
        advice=verdict.advise(rules, decision),
        scores=_make_bars(rules, decision, decision.scores, _HIGHEST_SCORE, "{:.2f}".format),
        shares=_make_bars(rules, decision, sure.shares, 1, sentences.percent),
        rows=[_make_row(rules, row, order) for row in rows],
        sections=_list_sections(rules, decision),
        policy=rules.policy.text,
    )


def _rank(rules: Rules, decision: Decision) -> list[str]:
    """The leader, the runner-up, then the others in the order of the policy."""
    first = [id for id in (decision.orchestrator, decision.runner_up) if id]
    return list(dict.fromkeys([*first, *list_in_tie_break_order(rules)]))


def _make_bars(
    rules: Rules,
    decision: Decision,
    values: Mapping[str, Number],
    highest: float,
    show: Callable[[float], str],
) -> tuple[Bar, ...]:
    """A bar per orchestrator, as long as its value is against `highest`."""
    return tuple(
        Bar(
            sentences.title(rules, id),
            round(100 * float(values[id]) / highest, 1),
            show(float(values[id])),
            id == decision.orchestrator,
        )
        for id in _rank(rules, decision)
    )


def _make_row(rules: Rules, row: contributions.Row, order: Sequence[str]) -> Row:
    criterion = rules.criterion(row.criterion)
    bars = tuple(
        Bar(
            sentences.title(rules, id),
            round(100 * row.cells[id].width, 1),
            f"{float(row.cells[id].points):.1f} (fit {float(row.cells[id].fit):.2g})",
            row.cells[id].leads,
        )
        for id in order
    )
    claims = [
        _make_claim(sentences.title(rules, id), item) for id in order for item in row.evidence[id]
    ]
    answer = sentences.answer_text(rules, row.criterion, row.answer)
    weight = f"{float(row.weight):g}"
    return Row(criterion.label, criterion.question, answer, weight, bars, tuple(claims))


def _make_claim(title: str, item: Evidence) -> Claim:
    address = _URL.match(item.source)
    url, rest = (address[1], address[2]) if address else ("", item.source)
    source = f"{url} {rest}".strip()
    return Claim(title, item.claim, source, url, sentences.evidence_date(item))


def _list_sections(rules: Rules, decision: Decision) -> list[tuple[str, list[str]]]:
    """Headings with their lines, in the order of the page; what has no lines is left out."""
    flips = sentences.list_flips(rules, decision.flips)
    sections = [
        ("Rules that applied", sentences.list_fired_rules(rules, decision)),
        ("Use two of them together", list(decision.combined)),
        ("What would change the result", flips or ["No single answer would."]),
        ("Still open, and could change it", sentences.list_open_questions(rules, decision)),
        ("What you will have to operate", list(decision.operate)),
        ("Notes", sentences.list_notes(rules, decision)),
    ]
    return [(heading, lines) for heading, lines in sections if lines]
