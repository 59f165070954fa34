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
from mlpo_cli.decision.outcome import Contribution, Decision
from mlpo_cli.reports import words
from mlpo_cli.reports.terminal import WIDTH


def values(gathered: Gathered) -> dict[str, tuple[object, Origin]]:
    """Every value that is known, with its origin, by the name that `--set` has for it."""
    answered = gathered.answered
    known: dict[str, object] = {
        **answered.criteria,
        **{f"project.{key}": value for key, value in {**DEFAULTS, **answered.project}.items()},
        **{".".join((*WEIGHTS, id)): weight for id, weight in answered.weights.items()},
    }
    return {
        name: (value, gathered.origins[name])
        for name, value in known.items()
        if name in gathered.origins
    }


def sources_document(gathered: Gathered) -> dict[str, Any]:
    """The same for JSON."""
    return {
        name: {"value": value, "source": origin.source, "where": origin.where}
        for name, (value, origin) in values(gathered).items()
    }


def origin_words(origin: Origin) -> str:
    """An origin in words: `file team.yaml:4`."""
    return f"{origin.source} {origin.where}".strip()


def render(rules: Rules, decision: Decision, gathered: Gathered) -> Text:
    """Both for a terminal, to follow the report."""
    out = sources(gathered)
    out.append("\nEvidence", style="bold")
    out.append(" (fit 0-4)\n")
    for contribution in decision.contributions:
        _evidence(out, rules, contribution)
    return out


def sources(gathered: Gathered) -> Text:
    """Where each value comes from."""
    out = Text("\n")
    out.append("Values, and where they come from\n", style="bold")
    for name, (value, origin) in values(gathered).items():
        out.append(f"  {f'{name}: {write_answer(value)}':<40} {origin_words(origin)}\n")
    return out


def _evidence(out: Text, rules: Rules, contribution: Contribution) -> None:
    given = words.answer(rules, contribution.criterion, contribution.answer)
    said = f"{words.label(rules, contribution.criterion)}: {given}"
    out.append(f"  {said}\n", style="bold")
    for id, items in contribution.evidence.items():
        out.append(f"    {words.title(rules, id)} {float(contribution.fit[id]):.2g}\n")
        for item in items:
            _wrapped(out, f"{item.claim} [{item.source}; {words.evidence_date(item)}]")


def _wrapped(out: Text, text: str) -> None:
    lines = textwrap.wrap(text, WIDTH - 6, break_long_words=False, break_on_hyphens=False)
    out.append("".join(f"      {line}\n" for line in lines))
