"""The findings of `mlpo check` in the format that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_cli.check.outcome import Outcome

if TYPE_CHECKING:
    from rich.text import Text


def render(format: str, outcome: Outcome) -> str | Text:
    """Return the report: text, json, sarif or github."""
    if format == "json":
        from mlpo_cli.reports import check_json

        return check_json.render(outcome)
    if format == "sarif":
        from mlpo_cli.reports import check_sarif

        return check_sarif.render(outcome)
    if format == "github":
        from mlpo_cli.reports import check_github

        return check_github.render(outcome)
    from mlpo_cli.reports import check_text

    return check_text.render(outcome)
