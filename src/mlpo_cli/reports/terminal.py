"""A Decision for a terminal of 80 x 24: result and reason first, the result again at the end."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich.text import Text

from mlpo_cli.decision.conditions import Exact
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.reports import sentences, verdict
from mlpo_cli.reports.contributions import Cell, Row, make_rows, sort_by_gap, sum_points

WIDTH = 80
_HEIGHT = 24
_NAME_WIDTH = 31
_BAR_WIDTH = 16
_MARGIN = 17
_MOST_BARS = 6
_STYLES = {"robust": "bold green", "leaning": "bold yellow", "toss-up": "bold yellow"}
_REST = "all in --format json"


def render(rules: Rules, decision: Decision, details: Text | None = None) -> Text:
    """The report as styled text; its plain form has no escape codes.

    `details` are put in before the last lines.
    """
    out = Text()
    _add_headline(out, rules, decision)
    if decision.orchestrator and decision.runner_up and decision.contributions:
        _add_bars(out, rules, decision, decision.orchestrator, decision.runner_up)
    out.append("\n")
    headline = verdict.write_headline(rules, decision)
    fired = sentences.list_fired_rules(rules, decision)
    _add_section(out, "Rules", [line for line in fired if line not in headline])
    flips = sentences.list_flips(rules, (f for f in decision.flips if f.given is not None))
    _add_section(out, "Would change it", sentences.shorten(flips, 5, _REST))
    _add_section(out, "Still open", _list_open(rules, decision))
    _add_section(out, "Combine", decision.combined)
    _add_section(out, "You operate", decision.operate)
    _add_section(out, "Note", sentences.list_notes(rules, decision))
    if details is not None:
        out.append(details).append("\n")
    _add_section(out, "Rules version", [decision.rules_version])
    # The prompt and the command take two lines.
    if out.plain.count("\n") > _HEIGHT - 2:
        out.append(f"\n{_wrap(verdict.summarize(rules, decision))}\n", style=_style(decision))
    return out


def _style(decision: Decision) -> str:
    return _STYLES[decision.confidence.label] if decision.orchestrator else "bold red"


def _add_headline(out: Text, rules: Rules, decision: Decision) -> None:
    """The result with its reason, how sure it is, and what to do about a toss-up."""
    name = verdict.name_result(rules, decision)
    headline = _wrap(verdict.write_headline(rules, decision))
    out.append(name, style=_style(decision)).append(f"{headline.removeprefix(name)}\n")
    certainty = verdict.describe_certainty(rules, decision)
    out.append(_wrap(f"{certainty} {verdict.advise(rules, decision)}".strip()) + "\n")


def _wrap(text: str, margin: int = 0) -> str:
    """Text in lines of WIDTH, all but the first one indented by `margin`."""
    lines = textwrap.wrap(text, WIDTH - margin, break_long_words=False) or [""]
    return ("\n" + " " * margin).join(lines)


def _add_bars(out: Text, rules: Rules, decision: Decision, first: str, second: str) -> None:
    """Points per criterion, the leader beside the runner-up, the widest gaps first."""
    rows = sort_by_gap(make_rows(decision), first, second)
    shown, rest = rows[:_MOST_BARS], rows[_MOST_BARS:]
    digits = max(len(_figure(sum_points(rows, id))) for id in (first, second))
    digits = max(4, digits)
    heading = "Points (weight x fit)".ljust(_NAME_WIDTH)
    titles = [sentences.title(rules, id) for id in (first, second)]
    width = _BAR_WIDTH + digits + 3
    out.append(f"\n{heading}{''.join(name.ljust(width) for name in titles).rstrip()}\n")
    for row in shown:
        name = sentences.short_answer(rules, row.criterion, row.answer, _NAME_WIDTH - 3)
        out.append(f"  {name:<{_NAME_WIDTH - 2}}")
        _add_bar(out, row.cells[first], digits)
        out.append("  ")
        _add_bar(out, row.cells[second], digits)
        out.append("\n")
    if rest:
        _add_sums(out, f"  {len(rest)} more", rest, (first, second), digits)
    _add_sums(out, "Sum", rows, (first, second), digits)


def _add_bar(out: Text, cell: Cell, digits: int) -> None:
    length = round(cell.width * _BAR_WIDTH)
    out.append("█" * length, style="cyan" if cell.leads else "dim cyan")
    out.append(" " * (_BAR_WIDTH - length) + f" {_figure(cell.points):>{digits}}")


def _add_sums(out: Text, name: str, rows: Sequence[Row], ids: Sequence[str], digits: int) -> None:
    pad = " " * _BAR_WIDTH
    sums = "  ".join(f"{pad} {_figure(sum_points(rows, id)):>{digits}}" for id in ids)
    out.append(f"{name:<{_NAME_WIDTH}}{sums}\n")


def _figure(points: Exact) -> str:
    return f"{float(points):.1f}"


def _list_open(rules: Rules, decision: Decision) -> list[str]:
    """The open questions: by name if their answer alone changes the result, the others counted."""
    lines = [
        f"{sentences.label(rules, question.criterion)}: the answer could "
        + sentences.describe_leaders(rules, question.alone)
        for question in decision.open_questions
        if question.alone
    ]
    if others := len(decision.open_questions) - len(lines):
        plural = "s" if others > 1 else ""
        lines.append(f"{others} more question{plural} could change it together with others")
    return sentences.shorten(lines, 4, _REST)


def _add_section(out: Text, heading: str, lines: Iterable[str]) -> None:
    """A heading in the left margin, the lines wrapped beside it."""
    for index, line in enumerate(lines):
        out.append((heading if index == 0 else "").ljust(_MARGIN), style="bold")
        out.append(_wrap(line, _MARGIN) + "\n")
