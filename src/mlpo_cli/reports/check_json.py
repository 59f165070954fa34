"""Findings as a JSON document. Scripts depend on its keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mlpo_cli.check.model import Finding, Severity
from mlpo_cli.check.outcome import Outcome
from mlpo_cli.reports import jsondoc


def render(outcome: Outcome) -> str:
    """The document of `mlpo check --format json`."""
    return jsondoc.dumps(
        {
            "schema_version": jsondoc.SCHEMA_VERSION,
            "findings": [make_finding(finding) for finding in outcome.findings],
            "counts": {
                **{severity.label: outcome.count(severity) for severity in reversed(Severity)},
                "fixed": outcome.fixed,
                "hidden": outcome.hidden,
                "suppressed": outcome.suppressed,
                "known": outcome.known,
            },
            "files": {"seen": outcome.seen, "checked": outcome.checked},
            "skipped": [{"file": name, "reason": reason} for name, reason in outcome.skipped],
            "notes": outcome.notes,
        }
    )


def make_finding(finding: Finding) -> dict[str, Any]:
    """One finding. `fix` has the edits: character offsets in the text that was checked."""
    place = finding.place
    fix = finding.fix
    return {
        "file": finding.file,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "cell": place.cell,
        "cell_line": place.cell_line,
        "rule": finding.rule,
        "severity": finding.severity.label,
        "message": finding.message,
        "why": finding.why,
        "advice": finding.advice,
        "code": finding.code,
        "fix": {"safe": fix.is_safe, "edits": [asdict(e) for e in fix.edits]} if fix else None,
    }
