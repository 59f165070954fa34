"""The orchestrators side by side, criterion by criterion, from the rules and their evidence."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from rich.text import Text

from mlpo_cli.decision.model import Criterion, Orchestrator, Rules, Scores
from mlpo_cli.decision.policy import in_order
from mlpo_cli.reports import jsondoc, words
from mlpo_cli.reports.terminal import WIDTH

_GAP = 2


def table(rules: Rules) -> Text:
    """For a terminal: a few words per cell, in 80 columns where there are three to compare."""
    label = max(len(c.label) for c in rules.criteria) + _GAP
    columns = len(_columns(rules))
    wide = max(16, (WIDTH - label - _GAP * (columns - 1)) // columns)
    out = Text()
    _line(out, "", [f"{o.title} {o.version}" for o in _columns(rules)], label, wide, "bold")
    _line(out, "Best for", [o.best_for for o in _columns(rules)], label, wide)
    for criterion in rules.criteria:
        cells = [_brief(o, criterion) for o in _columns(rules)]
        _line(out, criterion.label, cells, label, wide)
    out.append(f"\nEvidence: mlpo compare --format markdown. Rules {rules.version}\n")
    for line in textwrap.wrap(rules.policy.text, WIDTH):
        out.append(f"{line}\n")
    return out


def _columns(rules: Rules) -> list[Orchestrator]:
    """In the order of the policy."""
    return [rules.orchestrator(id) for id in in_order(rules)]


def _line(
    out: Text, label: str, cells: list[str], label_width: int, wide: int, style: str = ""
) -> None:
    wrapped = [textwrap.wrap(cell, wide) for cell in cells]
    for row in range(max(1, *map(len, wrapped))):
        out.append((label if row == 0 else "").ljust(label_width), style="bold")
        parts = [lines[row] if row < len(lines) else "" for lines in wrapped]
        out.append((" " * _GAP).join(p.ljust(wide) for p in parts).rstrip() + "\n", style=style)


def _brief(orchestrator: Orchestrator, criterion: Criterion) -> str:
    row = orchestrator.rows[criterion.id]
    return row.brief or fits(row.scores)


def fits(scores: Scores) -> str:
    """The 0-4 fit of each answer in one line."""
    cells = scores.cells or {f"{x}": score for x, score in scores.points}
    return ", ".join(f"{answer} {score}" for answer, score in cells.items())


def markdown(rules: Rules) -> str:
    """For a document: the table with the fit of every answer, then the evidence."""
    titles = [f"{o.title} {o.version}" for o in _columns(rules)]
    lines = ["# Orchestrators compared", "", rules.policy.text, ""]
    lines += [_cells("", *titles), _cells("---", *("---" for _ in titles))]
    lines.append(_cells("Best for", *(o.best_for for o in _columns(rules))))
    for criterion in rules.criteria:
        cells = [
            f"{_brief(o, criterion)} (fit: {fits(o.rows[criterion.id].scores)})"
            for o in _columns(rules)
        ]
        lines.append(_cells(criterion.label, *cells))
    lines += ["", "Fits are 0 (works against you) to 4 (best), by answer.", "", "## Evidence"]
    for criterion in rules.criteria:
        lines += ["", f"### {criterion.label}", ""]
        lines += [
            f"- {o.title}: {item.claim} ({item.source}; {words.evidence_date(item)})"
            for o in _columns(rules)
            for item in o.rows[criterion.id].evidence
        ]
    return "\n".join([*lines, "", f"Rules {rules.version}, reviewed {rules.reviewed}."]) + "\n"


def _cells(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def document(rules: Rules) -> dict[str, Any]:
    """For scripts."""
    return {
        "schema_version": jsondoc.SCHEMA_VERSION,
        "policy": rules.policy.text,
        "orchestrators": [
            {
                "id": o.id,
                "title": o.title,
                "version": o.version,
                "best_for": o.best_for,
                "operate": list(o.operate),
                "criteria": {c.id: _row(o, c) for c in rules.criteria},
            }
            for o in _columns(rules)
        ],
        "rules_version": rules.version,
        "reviewed": rules.reviewed,
    }


def _row(orchestrator: Orchestrator, criterion: Criterion) -> dict[str, Any]:
    row = orchestrator.rows[criterion.id]
    found: dict[str, Any] = {"label": criterion.label, "brief": row.brief}
    if criterion.choices:
        found["fit"] = dict(row.scores.cells)
    else:
        found["fit_points"] = [list(point) for point in row.scores.points]
    return {**found, "evidence": [jsondoc.evidence(item) for item in row.evidence]}


RENDERERS: Mapping[str, Callable[[Rules], str | Text]] = {
    "table": table,
    "markdown": markdown,
    "json": lambda rules: jsondoc.dumps(document(rules)),
}
