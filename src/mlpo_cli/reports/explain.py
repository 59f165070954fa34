"""`--explain`: where each value comes from, and the evidence behind each score."""

from __future__ import annotations

import textwrap
from typing import Any

from rich.text import Text

from mlpo_cli.answers.fields import WEIGHTS
from mlpo_cli.answers.gather import Gathered, Origin
from mlpo_cli.answers.project import DEFAULTS
from mlpo_cli.answers.several import write_answer
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.reports import sentences
from mlpo_cli.reports.contributions import Row, make_rows
from mlpo_cli.reports.terminal import WIDTH

_SOURCES = {"flag": "option", "environment": "variable", "asked": "your answer"}
"""What a person reads for the names of sources in JSON, where they differ."""


def list_values(gathered: Gathered) -> dict[str, tuple[object, Origin]]:
    """Every value that has an origin, by the name that `--set` uses for it."""
    answered = gathered.answered
    values: dict[str, object] = {
        **answered.criteria,
        **{f"project.{key}": value for key, value in {**DEFAULTS, **answered.project}.items()},
        **{".".join((*WEIGHTS, id)): weight for id, weight in answered.weights.items()},
    }
    return {
        name: (value, gathered.origins[name])
        for name, value in values.items()
        if name in gathered.origins
    }


def sources_document(gathered: Gathered) -> dict[str, Any]:
    """The values with their sources, for JSON."""
    return {
        name: {"value": value, "source": origin.source, "where": origin.where}
        for name, (value, origin) in list_values(gathered).items()
    }


def render(rules: Rules, decision: Decision, gathered: Gathered) -> Text:
    """Sources and evidence for a terminal, as a part of the report."""
    out = render_sources(gathered)
    out.append("\nEvidence", style="bold")
    out.append(" (fit 0-4)\n")
    for row in make_rows(decision):
        _add_evidence(out, rules, row)
    return out


def render_sources(gathered: Gathered) -> Text:
    """Where each value comes from."""
    out = Text("\n")
    out.append("Values, and where they come from\n", style="bold")
    for name, (value, origin) in list_values(gathered).items():
        source = f"{_SOURCES.get(origin.source, origin.source)} {origin.where}".strip()
        out.append(f"  {f'{name}: {write_answer(value)}':<40} {source}\n")
    return out


def _add_evidence(out: Text, rules: Rules, row: Row) -> None:
    answer = sentences.labelled_answer(rules, row.criterion, row.answer)
    out.append(f"  {answer}\n", style="bold")
    for id, items in row.evidence.items():
        out.append(f"    {sentences.title(rules, id)} {float(row.cells[id].fit):.2g}\n")
        for item in items:
            _add_wrapped(out, f"{item.claim} [{item.source}; {sentences.evidence_date(item)}]")


def _add_wrapped(out: Text, text: str) -> None:
    lines = textwrap.wrap(text, WIDTH - 6, break_long_words=False, break_on_hyphens=False)
    out.append("".join(f"      {line}\n" for line in lines))
