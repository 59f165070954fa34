"""Findings as commands of a GitHub workflow, which shows them beside the code."""

from __future__ import annotations

from mlpo_cli.check.model import Finding, Severity
from mlpo_cli.check.outcome import Outcome

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(outcome: Outcome) -> str:
    """One line for each finding; nothing where there is none."""
    return "".join(f"{_make_command(finding)}\n" for finding in outcome.findings)


def _make_command(finding: Finding) -> str:
    place = finding.place
    properties = {"title": finding.rule, "file": finding.file, "line": place.line}
    if place.cell is None:
        properties["col"] = place.column
        properties["endLine"] = place.end_line
        if place.end_line == place.line:
            properties["endColumn"] = place.end_column
    listed = ",".join(f"{name}={_escape_property(str(v))}" for name, v in properties.items())
    message = f"{finding.message} {finding.why}\nFix: {finding.advice}"
    return f"::{_COMMANDS[finding.severity]} {listed}::{_escape(message)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
