"""What `mlpo new` asks in a terminal before it writes anything."""

from __future__ import annotations

from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.decision.choice import goes_against
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.interview.terminal import confirm, show_paragraphs
from mlpo_cli.reports import sentences, verdict
from mlpo_cli.reports.refusals import describe_disagreement


def confirm_toss_up(rules: Rules, decision: Decision) -> bool:
    """Ask whether to take the leader although it is too close to call."""
    _show_decision(rules, decision)
    name = sentences.title(rules, decision.orchestrator or "")
    return confirm(f"Take {name} anyway?", False)


def confirm_generation(
    rules: Rules, settings: ProjectSettings, decision: Decision | None, show_reason: bool
) -> bool:
    """Ask whether to generate the project, if wanted with the reason for its orchestrator."""
    if decision is not None and show_reason:
        if goes_against(decision, settings.orchestrator):
            show_paragraphs(describe_disagreement(rules, decision, settings.orchestrator))
        else:
            _show_decision(rules, decision)
    title = sentences.title(rules, settings.orchestrator)
    return confirm(f"Generate {settings.name} for {title} here?", True)


def _show_decision(rules: Rules, decision: Decision) -> None:
    show_paragraphs(
        verdict.write_headline(rules, decision),
        verdict.describe_certainty(rules, decision),
        verdict.advise(rules, decision),
    )
