"""What `recommend` and `new` share: where the answers come from, and where the results go."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_cli import console
from mlpo_cli.errors import AnswersError

if TYPE_CHECKING:
    from rich.text import Text

    from mlpo_cli.answers.gather import Gathered
    from mlpo_cli.answers.validate import Answered
    from mlpo_cli.decision.model import Rules


@dataclass(frozen=True)
class Inputs:
    """The options that both commands take, besides the answers file."""

    sets: tuple[str, ...] = ()
    rules: str | None = None
    no_input: bool = False
    defaults: bool = False
    yes: bool = False
    overwrite: bool = False
    save_answers: str | None = None
    explain: bool = False


NO_INPUTS = Inputs()
DECIDED_ON = "decided_on"
"""The setting that an interview fills in."""


def load_rules(inputs: Inputs) -> Rules:
    """Load our rules, with those of `--rules` laid over them. Raises RulesError."""
    from mlpo_cli import rules
    from mlpo_cli.resources import rules_dir

    return rules.load(rules_dir(), Path(inputs.rules) if inputs.rules is not None else None)


def collect_answers(
    answers: str | None,
    inputs: Inputs,
    rules: Rules,
    orchestrators: Sequence[str],
    options: Mapping[str, str] | None = None,
) -> Gathered:
    """Collect the answers of all sources, with every problem in them.

    `options` are the project settings that have an option of their own, by key. Raises
    AnswersError for a file that cannot be read, TargetError where `--save-answers` cannot be
    followed.
    """
    from mlpo_cli import files
    from mlpo_cli.answers.document import load
    from mlpo_cli.answers.gather import gather

    if inputs.save_answers is not None:
        files.check(inputs.save_answers, inputs.overwrite)
    document = load(answers) if answers is not None else None
    gathered = gather(rules, orchestrators, document, os.environ, inputs.sets, options)
    for warning in gathered.warnings:
        console.write_warning(warning)
    return gathered


def require_valid(gathered: Gathered) -> Gathered:
    """Return the answers if there are no problems in them. Raises AnswersError."""
    if gathered.problems:
        raise AnswersError(gathered.problems)
    return gathered


def may_prompt(answers: str | None, inputs: Inputs, json: bool) -> bool:
    """Whether to interview: only in a terminal, and only if no option speaks against it."""
    if answers is not None or inputs.no_input or inputs.defaults or json:
        return False
    from mlpo_cli.interview.terminal import is_possible

    return is_possible()


def interview(rules: Rules, gathered: Gathered, review: bool) -> Gathered:
    """Ask for the answers that are missing; today becomes the day of the decision.

    A day that is set already stays. Raises KeyboardInterrupt when the user leaves.
    """
    from mlpo_cli.answers.gather import Origin
    from mlpo_cli.interview.flow import run
    from mlpo_cli.interview.terminal import TerminalPrompter

    before = gathered.answered
    answers = run(rules, before.criteria, before.weights, TerminalPrompter(), review)
    known = {id: answer for id, answer in answers.items() if answer is not None}
    project = {DECIDED_ON: date.today().isoformat(), **before.project}
    filled = [f"project.{key}" for key in project if key not in before.project]
    return replace(
        gathered,
        answered=replace(before, criteria={**before.criteria, **known}, project=project),
        origins={**gathered.origins, **dict.fromkeys([*known, *filled], Origin("asked", ""))},
    )


def save_answers(inputs: Inputs, answered: Answered, rules: Rules) -> None:
    """Follow `--save-answers`: write JSON if the name ends in .json, YAML otherwise."""
    if inputs.save_answers is None:
        return
    from mlpo_cli import files
    from mlpo_cli.answers.save import as_json, as_yaml

    as_text = as_json if inputs.save_answers.endswith(".json") else as_yaml
    files.write(inputs.save_answers, as_text(answered, rules), inputs.overwrite)
    console.write_message(f"Answers written to {inputs.save_answers}")


def write_report(report: str | Text, output: str | None, overwrite: bool) -> None:
    """Print a report, or write it to the file `output`. Raises TargetError if that is refused."""
    from mlpo_cli import files

    if output is not None:
        files.write(output, report if isinstance(report, str) else report.plain, overwrite)
        console.write_message(f"Written to {output}")
    elif isinstance(report, str):
        console.write_output(report)
    else:
        console.write_styled(report)


def show_replay_command(
    command: str, inputs: Inputs, answered: Answered, options: Mapping[str, str | None]
) -> None:
    """After an interview, print the command that gives the same result without questions."""
    from mlpo_cli.answers.save import replay

    rules = {} if inputs.rules is None else {"--rules": inputs.rules}
    line = replay(command, answered, {**rules, **options})
    console.write_message(f"\nThe same without questions:\n  {line}")
