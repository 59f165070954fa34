"""From a Decision to the orchestrator that a project is generated for, and what to say of it."""

from __future__ import annotations

from collections.abc import Sequence

from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.errors import NegativeFinding, UserError
from mlpo_cli.reports import words


def follow(
    rules: Rules, decision: Decision | None, accept_toss_up: bool, orchestrators: Sequence[str]
) -> str:
    """The orchestrator to follow, one of `orchestrators`.

    Raises UserError where nothing was decided and NegativeFinding where there is nothing to
    follow; both say what to do instead.
    """
    by_hand = f"choose one yourself with --orchestrator ({', '.join(orchestrators)})"
    if decision is None:
        fix = f"pass --answers FILE with criteria, or {by_hand}"
        raise UserError("nothing is known that an orchestrator could be recommended from", fix)
    if decision.orchestrator is None:
        reasons = " ".join(words.rulings(rules, decision))
        raise NegativeFinding(f"none of the orchestrators fits. {reasons}", by_hand)
    name = words.title(rules, decision.orchestrator)
    if decision.verdict == "toss-up" and not accept_toss_up:
        raise NegativeFinding(
            f"a toss-up: {name} leads ({words.confidence(decision)})",
            f"answer more questions, pass --accept-toss-up to take {name}, or {by_hand}",
        )
    if decision.orchestrator not in orchestrators:
        raise NegativeFinding(f"{name} is recommended, and has no project template yet", by_hand)
    return decision.orchestrator


def warnings(rules: Rules, chosen: str, decision: Decision | None) -> list[str]:
    """What the team should know about a choice that goes against the Decision."""
    if decision is None or chosen == decision.orchestrator:
        return []
    said = words.title(rules, decision.orchestrator)
    reason = words.because(rules, decision, chosen)
    return [
        f"you chose {words.title(rules, chosen)}; mlpo would have said {said} because {reason}. "
        "The decision record says so."
    ]
