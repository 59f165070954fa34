"""From the options of `mlpo new` to what is to be generated: collect the answers, then decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_cli.answers import project
from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.commands.inputs import (
    NO_INPUTS,
    Inputs,
    collect_answers,
    interview,
    require_valid,
)
from mlpo_cli.errors import AnswersError

if TYPE_CHECKING:
    from mlpo_cli.answers.gather import Gathered
    from mlpo_cli.decision.model import Rules
    from mlpo_cli.decision.outcome import Decision


@dataclass(frozen=True)
class Request:
    """The options of the command line. `options` are the project settings among them, by key."""

    options: Mapping[str, str]
    answers: str | None
    accept_toss_up: bool
    json: bool
    inputs: Inputs = NO_INPUTS
    dry_run: bool = False
    git: bool = False
    run: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to be generated, and why. `decision` is None where nothing was decided."""

    rules: Rules
    gathered: Gathered
    decision: Decision | None
    settings: ProjectSettings
    accept_toss_up: bool


def collect(request: Request, rules: Rules, folder: Path, in_terminal: bool) -> Gathered:
    """The answers of all sources. In a terminal, ask for the name and the criteria.

    Criteria are not asked for where the orchestrator is chosen already.
    """
    from mlpo_cli.scaffold import list_scaffolds

    inputs = request.inputs
    gathered = collect_answers(request.answers, inputs, rules, list_scaffolds(), request.options)
    if not in_terminal:
        return gathered
    from mlpo_cli.interview.terminal import ask_name
    from mlpo_cli.scaffold.place import get_staging_parent

    settings = require_valid(gathered).answered.project
    name = settings["name"] if "name" in settings else ask_name()
    get_staging_parent(folder / name)  # raises before questions are answered in vain
    answered = replace(gathered.answered, project={**settings, "name": name})
    gathered = replace(gathered, answered=answered)
    if "orchestrator" in settings:
        return gathered
    return interview(rules, gathered, review=not inputs.yes)


def make_plan(request: Request, rules: Rules, gathered: Gathered, in_terminal: bool) -> Plan | None:
    """Decide, and complete the settings. None where the user declines the leader of a toss-up."""
    from mlpo_cli.decision.choice import Refusal, choose_orchestrator
    from mlpo_cli.scaffold import list_scaffolds

    settings, missing = project.complete_settings(gathered.answered.project)
    if problems := gathered.problems or missing:
        raise AnswersError(problems)
    chosen, accept = settings.get("orchestrator"), request.accept_toss_up
    # Where nobody chose, an interview or --defaults decides on whatever is known, also on nothing.
    may_use_default = chosen is None and (in_terminal or request.inputs.defaults)
    decision = _decide(rules, gathered, may_use_default)
    if chosen is None:
        choice = choose_orchestrator(decision, accept, list_scaffolds())
        if choice is Refusal.TOSS_UP and in_terminal and decision is not None:
            from mlpo_cli.interview import confirm

            accept = confirm.confirm_toss_up(rules, decision)
            if not accept:
                return None
            choice = choose_orchestrator(decision, accept, list_scaffolds())
        if isinstance(choice, Refusal):
            from mlpo_cli.reports.refusals import make_error

            raise make_error(rules, decision, choice, list_scaffolds())
        chosen = choice
    complete = ProjectSettings(**{**settings, "orchestrator": chosen})
    return Plan(rules, gathered, decision, complete, accept)


def _decide(rules: Rules, gathered: Gathered, may_use_default: bool) -> Decision | None:
    from mlpo_cli.decision.engine import decide

    answered = gathered.answered
    if not answered.criteria and not may_use_default:
        return None
    return decide(rules, answered.criteria, answered.weights)
