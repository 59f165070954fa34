"""Findings for a terminal of 80 columns: by file, and those of one rule together."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from itertools import groupby

from rich.text import Text

from mlpo_cli.check import project
from mlpo_cli.check.catalog import find_rule
from mlpo_cli.check.model import Finding, Rule, Severity
from mlpo_cli.check.outcome import Outcome
from mlpo_cli.reports.terminal import WIDTH

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}


def render(outcome: Outcome) -> Text:
    """The report as styled text; its plain form has no escape codes."""
    out = Text()
    for file, in_file in groupby(outcome.findings, key=lambda finding: finding.file):
        out.append(f"{file}\n", style="bold")
        by_rule: dict[str, list[Finding]] = {}
        for finding in in_file:
            by_rule.setdefault(finding.rule, []).append(finding)
        for findings in by_rule.values():
            _add_rule(out, findings)
        out.append("\n")
    for line in textwrap.wrap(summarize(outcome), WIDTH):
        out.append(f"{line}\n")
    return out


def _add_rule(out: Text, findings: list[Finding]) -> None:
    """The findings of one rule in one file. What they share is said once."""
    first = findings[0]
    rule = find_rule(first.rule)
    title = rule.title if isinstance(rule, Rule) else project.TITLE
    out.append(f"  {first.rule} {first.severity.label}", style=_STYLES[first.severity])
    out.append(f"  {title}\n")
    for finding in findings:
        out.append(f"    {finding.where}", style="cyan")
        out.append(f"{_describe_fix(finding)}\n")
        _add_wrapped(out, "", finding.message, 6)
    _add_wrapped(out, "why: ", first.why, 4)
    for advice in dict.fromkeys(finding.advice for finding in findings):
        _add_wrapped(out, "fix: ", advice, 4)


def _describe_fix(finding: Finding) -> str:
    if finding.fix is None:
        return ""
    return "  --fix" if finding.fix.is_safe else "  --fix --unsafe-fixes"


def _add_wrapped(out: Text, label: str, text: str, margin: int) -> None:
    indent = " " * margin
    lines = textwrap.wrap(
        label + _make_visible(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + " " * len(label),
        break_on_hyphens=False,
    )
    for number, line in enumerate(lines):
        if number == 0 and label:
            out.append(indent + label, style="bold").append(f"{line[len(indent + label) :]}\n")
        else:
            out.append(f"{line}\n")


def _make_visible(text: str) -> str:
    """Text of a checked file can hold escape codes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def summarize(outcome: Outcome) -> str:
    """What was checked and found, in a few sentences."""
    if not outcome.seen:
        return "There are no files of Python or YAML and no notebooks here."
    if not outcome.checked and not outcome.findings:
        return f"{_count(outcome.seen, 'file')}: none uses Metaflow, KFP or ZenML."
    sentences = [f"{_count_findings(outcome)} in {_count(outcome.checked, 'file')}."]
    if outcome.fixed:
        sentences.insert(0, f"{outcome.fixed} fixed.")
    sentences += _list_remarks(outcome)
    return " ".join(sentences)


def _count_findings(outcome: Outcome) -> str:
    if not outcome.findings:
        return "Nothing found"
    counts = [(outcome.count(severity), severity.label) for severity in reversed(Severity)]
    return ", ".join(_count(count, label) for count, label in counts if count)


def _list_remarks(outcome: Outcome) -> Iterable[str]:
    safe, unsafe = outcome.count_fixable(True), outcome.count_fixable(False)
    if safe:
        yield f"{safe} can be fixed with --fix."
    if unsafe:
        yield f"{unsafe} can be fixed with --fix --unsafe-fixes: look at the result."
    if outcome.hidden:
        yield f"{outcome.hidden} of lower severity: --severity info."
    if outcome.known:
        yield f"{outcome.known} in the baseline."
    if outcome.suppressed:
        yield f"{outcome.suppressed} ignored by comments."


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("s" if count != 1 else "")
