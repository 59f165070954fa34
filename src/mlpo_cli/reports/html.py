"""A Decision as one HTML file: no script, nothing fetched, light and dark, fit for print."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mlpo_cli.decision.model import Evidence, Number, Rules
from mlpo_cli.decision.outcome import Contribution, Decision
from mlpo_cli.decision.policy import in_order
from mlpo_cli.reports import words

_MOST = 4
_URL = re.compile(r"(https?://[^\s()]+)\s*(.*)")


@dataclass(frozen=True)
class Bar:
    """One bar: whose it is, how long in percent, the figure beside it."""

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
    """One criterion: what was asked and answered, the bars and the evidence."""

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
    order = _order(rules, decision)
    by_gap = sorted(decision.contributions, key=lambda c: -_gap(decision, c))
    return environment.get_template("report.html.j2").render(
        decision=decision,
        headline=_headline(rules, decision),
        because=words.because(rules, decision),
        confidence=words.confidence(decision),
        toss_up=words.toss_up(rules, decision) if decision.verdict == "toss-up" else "",
        scores=_bars(rules, decision.scores, _MOST, order, "{:.2f}"),
        shares=_bars(rules, decision.confidence.shares, 1, order, "{:.0%}"),
        rows=[_row(rules, decision, c, order) for c in by_gap],
        sections=_sections(rules, decision),
        policy=rules.policy.text,
    )


def _headline(rules: Rules, decision: Decision) -> str:
    if decision.orchestrator is None:
        return "None of these fits"
    name = words.title(rules, decision.orchestrator)
    return f"{name} leads: a toss-up" if decision.verdict == "toss-up" else name


def _gap(decision: Decision, contribution: Contribution) -> float:
    first, second = decision.orchestrator, decision.runner_up
    if first is None or second is None:
        return 0.0
    return abs(float(contribution.points[first] - contribution.points[second]))


def _bars(
    rules: Rules,
    values: Mapping[str, Number],
    most: float,
    order: Sequence[str],
    form: str,
) -> tuple[Bar, ...]:
    """A bar per orchestrator, the first of `order` in the leader's colour."""
    return tuple(
        Bar(
            words.title(rules, id),
            round(100 * float(value) / most, 1),
            form.format(float(value)),
            id == order[0],
        )
        for id, value in sorted(values.items(), key=lambda item: order.index(item[0]))
    )


def _order(rules: Rules, decision: Decision) -> list[str]:
    """The leader, the runner-up, then the others in the order of the policy."""
    named = [id for id in (decision.orchestrator, decision.runner_up) if id]
    return list(dict.fromkeys([*named, *in_order(rules)]))


def _row(rules: Rules, decision: Decision, contribution: Contribution, order: Sequence[str]) -> Row:
    """Bars are points: the fit times the weight, against the most that a criterion can give."""
    criterion = rules.criterion(contribution.criterion)
    most = float(max(c.weight for c in decision.contributions)) * _MOST
    bars = tuple(
        Bar(
            words.title(rules, id),
            round(100 * float(contribution.weight * contribution.fit[id]) / most, 1),
            f"{float(contribution.fit[id]):.2g}",
            id == decision.orchestrator,
        )
        for id in order
    )
    claims = [
        _claim(words.title(rules, id), item) for id in order for item in contribution.evidence[id]
    ]
    answer = criterion.text(contribution.answer)
    weight = f"{float(contribution.weight):g}"
    return Row(criterion.label, criterion.question, answer, weight, bars, tuple(claims))


def _claim(title: str, item: Evidence) -> Claim:
    address = _URL.match(item.source)
    url, rest = (address[1], address[2]) if address else ("", item.source)
    source = f"{url} {rest}".strip()
    return Claim(title, item.claim, source, url, words.evidence_date(item))


def _sections(rules: Rules, decision: Decision) -> list[tuple[str, list[str]]]:
    flips = words.flips(rules, decision.flips)
    asked = [rules.criterion(q.criterion).question for q in decision.open_questions]
    found = [
        ("Vetoes and gates", words.rulings(rules, decision)),
        ("Use two of them together", list(decision.combined)),
        ("What would change the answer", flips or ["No single answer would."]),
        ("Still open, and could change it", asked),
        ("What you will have to operate", list(decision.operate)),
        ("Notes", words.notes(rules, decision)),
    ]
    return [(heading, lines) for heading, lines in found if lines]
