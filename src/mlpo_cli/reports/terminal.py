"""A Decision for a terminal: the headline first, in 80 columns and about 24 lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from rich.text import Text

from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import Contribution, Decision
from mlpo_cli.reports import words

WIDTH = 80
_NAME_WIDTH = 31
_BAR_WIDTH = 16
_MOST_BARS = 6
_STYLES = {"robust": "bold green", "leaning": "bold yellow", "toss-up": "bold yellow"}
_MORE = "all in --format json"


def render(rules: Rules, decision: Decision) -> Text:
    """The report as styled text; its plain form has no escape codes."""
    out = Text()
    _headline(out, rules, decision)
    if decision.orchestrator and decision.runner_up and decision.contributions:
        _bars(out, rules, decision, decision.orchestrator, decision.runner_up)
    out.append("\n")
    _section(out, "Policy", words.rulings(rules, decision))
    flips = words.flips(rules, (f for f in decision.flips if f.given is not None))
    _section(out, "Would flip it", words.and_more(flips, 5, _MORE))
    _section(out, "Still open", _open(rules, decision))
    _section(out, "Combine", decision.combined)
    _section(out, "You operate", decision.operate)
    _section(out, "Note", words.notes(rules, decision))
    return out


def _headline(out: Text, rules: Rules, decision: Decision) -> None:
    style = _STYLES[decision.confidence.label]
    if decision.orchestrator is None:
        out.append("None of these fits", style="bold red")
    else:
        name = words.title(rules, decision.orchestrator)
        out.append(f"{name} leads" if decision.verdict == "toss-up" else name, style=style)
    out.append(f"  {words.confidence(decision)}; rules {decision.rules_version}\n")
    if decision.verdict == "toss-up":
        lines = textwrap.wrap(words.toss_up(rules, decision), WIDTH)
        out.append("\n".join(lines) + "\n")


def _bars(out: Text, rules: Rules, decision: Decision, first: str, second: str) -> None:
    """Points per criterion, the winner against the runner-up, the widest gaps first."""
    heading = "Points (weight x fit)".ljust(_NAME_WIDTH)
    titles = (words.title(rules, first), words.title(rules, second))
    out.append("\n" + heading + "".join(t.ljust(_BAR_WIDTH + 7) for t in titles).rstrip() + "\n")
    by_gap = sorted(
        decision.contributions,
        key=lambda c: abs(float(c.points[first] - c.points[second])),
        reverse=True,
    )
    for contribution in by_gap[:_MOST_BARS]:
        name = _name(rules, contribution, _NAME_WIDTH - 3)
        out.append(f"  {name:<{_NAME_WIDTH - 2}}")
        for orchestrator in (first, second):
            _bar(out, rules, contribution, orchestrator)
        out.right_crop(_trailing(out))
        out.append("\n")
    rest = by_gap[_MOST_BARS:]
    name = f"{len(rest)} more" if rest else ""
    sums = {o: float(sum(c.weight * c.fit[o] for c in rest)) for o in (first, second)}
    if rest:
        _numbers(out, f"  {name}", sums[first], sums[second])
    _numbers(out, "Sum", float(decision.points[first]), float(decision.points[second]))


def _name(rules: Rules, contribution: Contribution, width: int) -> str:
    """The criterion and its answer; several choices are counted where there is no room for them."""
    label, given = words.label(rules, contribution.criterion), contribution.answer
    texts = [words.answer(rules, contribution.criterion, given)]
    if isinstance(given, tuple):
        texts += [f"{given[0]} + {len(given) - 1} more", f"{len(given)} choices"]
    names = [f"{label}: {text}" for text in texts]
    return next((name for name in names if len(name) <= width), names[-1])[:width]


def _bar(out: Text, rules: Rules, contribution: Contribution, orchestrator: str) -> None:
    """One bar, as long as the points are against the most any criterion here can give."""
    most = max(c.weight for c in rules.criteria) * 4
    points = float(contribution.weight * contribution.fit[orchestrator])
    length = min(_BAR_WIDTH, round(points / float(most) * _BAR_WIDTH))
    out.append("█" * length, style="cyan")
    out.append(" " * (_BAR_WIDTH - length) + f" {points:4.1f}  ")


def _trailing(out: Text) -> int:
    return len(out.plain) - len(out.plain.rstrip(" "))


def _numbers(out: Text, name: str, first: float, second: float) -> None:
    pad = " " * _BAR_WIDTH
    out.append(f"{name:<{_NAME_WIDTH}}{pad} {first:4.1f}  {pad} {second:4.1f}\n")


def _open(rules: Rules, decision: Decision) -> list[str]:
    """The questions to settle: those that flip it alone by name, the others as a count."""
    lines = []
    others = 0
    for question in decision.open_questions:
        if question.alone:
            gives = " or ".join(words.title(rules, id) for id in question.alone)
            lines.append(f"{words.label(rules, question.criterion)} can give {gives}")
        else:
            others += 1
    if others:
        plural = "s" if others > 1 else ""
        lines.append(f"{others} more open question{plural} could change it together with others")
    return words.and_more(lines, 4, _MORE)


def _section(out: Text, heading: str, lines: Iterable[str]) -> None:
    """A heading in the left margin, the lines wrapped beside it."""
    margin = 15
    for index, line in enumerate(lines):
        if index == 0:
            out.append(heading.ljust(margin), style="bold")
        else:
            out.append(" " * margin)
        wrapped = textwrap.wrap(line, WIDTH - margin, break_long_words=False) or [""]
        out.append(("\n" + " " * margin).join(wrapped) + "\n")
