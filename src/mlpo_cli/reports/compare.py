"""The orchestrators side by side, criterion by criterion, from the rules and their evidence."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from rich.text import Text

from mlpo_cli.decision.model import Criterion, Orchestrator, Rules, Scores
from mlpo_cli.decision.policy import list_in_tie_break_order
from mlpo_cli.reports import jsondoc, sentences
from mlpo_cli.reports.terminal import WIDTH

_GAP = 2


def render_table(rules: Rules) -> Text:
    """The comparison for a terminal: a few words per cell; three orchestrators fit 80 columns."""
    label = max(len(c.label) for c in rules.criteria) + _GAP
    columns = len(_list_columns(rules))
    width = max(16, (WIDTH - label - _GAP * (columns - 1)) // columns)
    out = Text()
    _add_line(
        out, "", [f"{o.title} {o.version}" for o in _list_columns(rules)], label, width, "bold"
    )
    _add_line(out, "Best for", [o.best_for for o in _list_columns(rules)], label, width)
    for criterion in rules.criteria:
        cells = [_describe(o, criterion) for o in _list_columns(rules)]
        _add_line(out, criterion.label, cells, label, width)
    out.append(f"\nFor the evidence: mlpo compare --format markdown. Rules {rules.version}\n")
    for line in textwrap.wrap(rules.policy.text, WIDTH):
        out.append(f"{line}\n")
    return out


def _list_columns(rules: Rules) -> list[Orchestrator]:
    """The orchestrators in the order of the policy."""
    return [rules.orchestrator(id) for id in list_in_tie_break_order(rules)]


def _add_line(
    out: Text, label: str, cells: list[str], label_width: int, width: int, style: str = ""
) -> None:
    wrapped = [textwrap.wrap(cell, width) for cell in cells]
    for row in range(max(1, *map(len, wrapped))):
        out.append((label if row == 0 else "").ljust(label_width), style="bold")
        parts = [lines[row] if row < len(lines) else "" for lines in wrapped]
        out.append(
            (" " * _GAP).join(part.ljust(width) for part in parts).rstrip() + "\n", style=style
        )


def _describe(orchestrator: Orchestrator, criterion: Criterion) -> str:
    row = orchestrator.rows[criterion.id]
    return row.brief or list_fits(row.scores)


def list_fits(scores: Scores) -> str:
    """The 0-4 fit of each answer in one line."""
    cells = scores.cells or {f"{x}": score for x, score in scores.points}
    return ", ".join(f"{answer} {score}" for answer, score in cells.items())


def render_markdown(rules: Rules) -> str:
    """The comparison for a document: a table with the fit of every answer, then the evidence."""
    titles = [f"{o.title} {o.version}" for o in _list_columns(rules)]
    lines = ["# Orchestrators compared", "", rules.policy.text, ""]
    lines += [_format_row("", *titles), _format_row("---", *("---" for _ in titles))]
    lines.append(_format_row("Best for", *(o.best_for for o in _list_columns(rules))))
    for criterion in rules.criteria:
        cells = [
            f"{_describe(o, criterion)} (fit: {list_fits(o.rows[criterion.id].scores)})"
            for o in _list_columns(rules)
        ]
        lines.append(_format_row(criterion.label, *cells))
    lines += ["", "Fits are 0 (works against you) to 4 (best), by answer.", "", "## Evidence"]
    for criterion in rules.criteria:
        lines += ["", f"### {criterion.label}", ""]
        lines += [
            f"- {o.title}: {item.claim} ({item.source}; {sentences.evidence_date(item)})"
            for o in _list_columns(rules)
            for item in o.rows[criterion.id].evidence
        ]
    return "\n".join([*lines, "", f"Rules {rules.version}, reviewed {rules.reviewed}."]) + "\n"


def _format_row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def make_document(rules: Rules) -> dict[str, Any]:
    """The comparison for scripts."""
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
                "criteria": {c.id: _make_row(o, c) for c in rules.criteria},
            }
            for o in _list_columns(rules)
        ],
        "rules_version": rules.version,
        "reviewed": rules.reviewed,
    }


def _make_row(orchestrator: Orchestrator, criterion: Criterion) -> dict[str, Any]:
    row = orchestrator.rows[criterion.id]
    document: dict[str, Any] = {"label": criterion.label, "brief": row.brief}
    if criterion.choices:
        document["fit"] = dict(row.scores.cells)
    else:
        document["fit_points"] = [list(point) for point in row.scores.points]
    return {**document, "evidence": [jsondoc.evidence(item) for item in row.evidence]}


RENDERERS: Mapping[str, Callable[[Rules], str | Text]] = {
    "table": render_table,
    "markdown": render_markdown,
    "json": lambda rules: jsondoc.dumps(make_document(rules)),
}
