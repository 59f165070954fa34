"""What `mlpo new` asks in a terminal before it writes anything."""

from __future__ import annotations

from mlpo_cli import console
from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.interview.terminal import confirm
from mlpo_cli.reports import words


def accept_toss_up(rules: Rules, decision: Decision | None) -> bool:
    """Whether the leader of a toss-up is good enough for who sits at the terminal."""
    if decision is None or decision.verdict != "toss-up":
        return False
    console.talk(words.toss_up(rules, decision))
    return confirm(f"Take {words.title(rules, decision.orchestrator)} all the same?", False)


def generation(rules: Rules, settings: ProjectSettings, decision: Decision | None) -> None:
    """Say what is about to be generated. Raises KeyboardInterrupt when it is not wanted."""
    if decision is not None and decision.orchestrator is not None:
        said = words.title(rules, decision.orchestrator)
        console.talk(
            f"\n{said} ({words.confidence(decision)}), because {words.because(rules, decision)}."
        )
    title = words.title(rules, settings.orchestrator)
    if not confirm(f"Generate {settings.name} for {title} here?", True):
        raise KeyboardInterrupt
