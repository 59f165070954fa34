"""Findings as SARIF 2.1.0, for code hosts and editors."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from mlpo_cli import __version__
from mlpo_cli.check import project
from mlpo_cli.check.catalog import list_rules
from mlpo_cli.check.model import Finding, Rule, Severity
from mlpo_cli.check.outcome import Outcome
from mlpo_cli.reports import jsondoc

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(outcome: Outcome) -> str:
    """The log of one run. Files are relative to the folder that mlpo is run in."""
    rules = [_make_rule(rule) for rule in list_rules()]
    rules.append({"id": project.ID, "shortDescription": {"text": f"{project.TITLE}."}})
    indexes = {rule["id"]: index for index, rule in enumerate(rules)}
    driver = {
        "name": "mlpo check",
        "version": __version__,
        "rules": rules,
    }
    notifications = [
        {"level": "warning", "message": {"text": f"{name} was not checked: {reason}"}}
        for name, reason in outcome.skipped
    ]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
        "results": [_make_result(finding, indexes[finding.rule]) for finding in outcome.findings],
    }
    return jsondoc.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _make_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.title[0].upper()}{rule.title[1:]}."},
        "fullDescription": {"text": " ".join(rule.what.split())},
        "help": {"text": " ".join(f"{rule.why} {rule.advice}".split())},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _make_result(finding: Finding, index: int) -> dict[str, Any]:
    place = finding.place
    region = {"startLine": place.line}
    if place.cell is None:  # in a notebook the columns are those of the cell, not of the file
        region |= {"startColumn": place.column, "endLine": place.end_line}
        region |= {"endColumn": place.end_column}
    location = {"artifactLocation": {"uri": _make_uri(finding.file)}, "region": region}
    text = f"{finding.message} {finding.why} Fix: {finding.advice}"
    identity = "\n".join((finding.file, finding.rule, finding.code))
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"mlpo/v1": hashlib.sha256(identity.encode()).hexdigest()},
    }


def _make_uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix(), errors="replace")
