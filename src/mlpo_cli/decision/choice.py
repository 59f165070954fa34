"""Whether a Decision names an orchestrator that a project can be generated for."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from mlpo_cli.decision.outcome import Decision


class Refusal(Enum):
    """Why there is no orchestrator to follow."""

    NOTHING_ANSWERED = "nothing answered"
    NONE_FITS = "none fits"
    TOSS_UP = "toss-up"
    NO_TEMPLATE = "no template"


def follow(
    decision: Decision | None, accept_toss_up: bool, templates: Collection[str]
) -> str | Refusal:
    """The orchestrator that the Decision recommends, or why it cannot be followed.

    `decision` is None when no question was answered. `templates` are the orchestrators that a
    project can be generated for.
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
