"""What `mlpo new` says when it cannot follow a Decision, or when the team does not."""

from __future__ import annotations

from collections.abc import Sequence

from mlpo_cli.decision.choice import Refusal, goes_against
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.errors import NegativeFinding, UserError
from mlpo_cli.reports import sentences, verdict

NO_ANSWERS = "no answers to decide on"
GIVE_ANSWERS = (
    "pass --answers FILE (- for standard input) or --set KEY=VALUE, run it in a terminal to be "
    "asked, or pass --defaults for the default recommendation"
)


def make_error(
    rules: Rules, decision: Decision | None, refusal: Refusal, templates: Sequence[str]
) -> UserError:
    """The error to raise for a refusal: what is the matter, and what to do instead.

    It is a usage error where nothing was answered, and a negative finding otherwise. `templates`
    are the orchestrators that a project can be generated for.
    """
    by_hand = f"choose an orchestrator yourself with --orchestrator ({', '.join(templates)})"
    if decision is None:
        return UserError(NO_ANSWERS, f"{GIVE_ANSWERS}, or {by_hand}")
    if decision.orchestrator is None:
        return NegativeFinding(verdict.write_headline(rules, decision), by_hand)
    name = sentences.title(rules, decision.orchestrator)
    if refusal is Refusal.TOSS_UP:
        return NegativeFinding(
            f"{name} leads. {verdict.describe_certainty(rules, decision)}",
            f"answer more questions, pass --accept-toss-up to take {name}, or {by_hand}",
        )
    return NegativeFinding(f"{name} is recommended, but has no project template yet", by_hand)


def list_warnings(rules: Rules, decision: Decision | None, chosen: str) -> list[str]:
    """What the team should know when it chooses another orchestrator than the Decision."""
    if decision is None or not goes_against(decision, chosen):
        return []
    recommendation = describe_disagreement(rules, decision, chosen)
    return [
        f"you chose {sentences.title(rules, chosen)}; {recommendation} The decision record says so."
    ]


def describe_disagreement(rules: Rules, decision: Decision, chosen: str) -> str:
    """What mlpo recommends instead of the orchestrator that was chosen, and why."""
    if decision.orchestrator is None:
        return f"mlpo recommends none of them. {verdict.explain_none(decision)}"
    name = sentences.title(rules, decision.orchestrator)
    return f"mlpo recommends {name}, because {verdict.explain_leader(rules, decision, chosen)}."
