"""Choose the orchestrator of a project from a Decision, or say why that is not possible."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from mlpo_cli.decision.outcome import Decision


class Refusal(Enum):
    """Why no orchestrator can be chosen from a Decision."""

    NOTHING_ANSWERED = "nothing answered"
    NONE_FITS = "none fits"
    TOSS_UP = "toss-up"
    NO_TEMPLATE = "no template"


def choose_orchestrator(
    decision: Decision | None, accept_toss_up: bool, templates: Collection[str]
) -> str | Refusal:
    """Return the orchestrator that the Decision recommends, or why it cannot be used.

    `decision` is None when no question was answered. A toss-up counts as a recommendation only with
    `accept_toss_up`. `templates` are the orchestrators that a project can be generated for.
    """
    if decision is None:
        return Refusal.NOTHING_ANSWERED
    if decision.orchestrator is None:
        return Refusal.NONE_FITS
    if decision.verdict == "toss-up" and not accept_toss_up:
        return Refusal.TOSS_UP
    if decision.orchestrator not in templates:
        return Refusal.NO_TEMPLATE
    return decision.orchestrator


def goes_against(decision: Decision | None, chosen: str) -> bool:
    """Whether the team chose another orchestrator than the Decision recommends."""
    return decision is not None and chosen != decision.orchestrator
