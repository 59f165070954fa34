"""What `recommend` and `new` have in common: where the answers come from, and where they go."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    """The options that both commands take, beside the answers file."""

    sets: tuple[str, ...] = ()
    rules: str | None = None
    no_input: bool = False
    defaults: bool = False
    yes: bool = False
    overwrite: bool = False
    save_answers: str | None = None
    explain: bool = False


NO_INPUTS = Inputs()


def load_rules(inputs: Inputs) -> Rules:
    """Our rules, with those of `--rules` laid over them. Raises RulesError."""
    from mlpo_cli import rules
    from mlpo_cli.resources import rules_dir

    return rules.load(rules_dir(), Path(inputs.rules) if inputs.rules is not None else None)


def collect(
    answers: str | None,
    inputs: Inputs,
    rules: Rules,
    orchestrators: Sequence[str],
    options: Mapping[str, str] | None = None,
) -> Gathered:
    """The answers of all sources; every problem is found before anything else is done.

    Raises AnswersError for answers that cannot be used, TargetError where `--save-answers` could
    not be followed.
    """
    from mlpo_cli import files
    from mlpo_cli.answers.document import load
    from mlpo_cli.answers.gather import gather

    if inputs.save_answers is not None:
        files.check(inputs.save_answers, inputs.overwrite)
    document = load(answers) if answers is not None else None
    return gather(rules, orchestrators, document, os.environ, inputs.sets, options)


def usable(gathered: Gathered) -> Gathered:
    """The same, where it has no problems. Raises AnswersError."""
    if gathered.problems:
        raise AnswersError(gathered.problems)
    return gathered


def may_ask(answers: str | None, inputs: Inputs, json: bool) -> bool:
    """Whether to interview: in a terminal, unless the answers are in a file or it was ruled out."""
    if answers is not None or inputs.no_input or inputs.defaults or json:
        return False
    from mlpo_cli.interview.terminal import possible

    return possible()


def interview(rules: Rules, gathered: Gathered, review: bool) -> Gathered:
    """Ask for what is not given yet. Raises KeyboardInterrupt when the user leaves."""
    from mlpo_cli.answers.gather import Origin
    from mlpo_cli.interview.flow import run
    from mlpo_cli.interview.terminal import TerminalAsker

    given = gathered.answered
    replies = run(rules, given.criteria, given.weights, TerminalAsker(), review)
    asked = {id: reply for id, reply in replies.items() if reply is not None}
    return replace(
        gathered,
        answered=replace(given, criteria={**given.criteria, **asked}),
        origins={**gathered.origins, **dict.fromkeys(asked, Origin("asked", ""))},
    )


def save(inputs: Inputs, answered: Answered, rules: Rules) -> None:
    """Follow `--save-answers`: JSON for a name that ends in .json, YAML else."""
    if inputs.save_answers is None:
        return
    from mlpo_cli import files
    from mlpo_cli.answers.save import as_json, as_yaml

    as_text = as_json if inputs.save_answers.endswith(".json") else as_yaml
    files.write(inputs.save_answers, as_text(answered, rules), inputs.overwrite)
    console.talk(f"answers written to {inputs.save_answers}")


def deliver(report: str | Text, output: str | None, overwrite: bool) -> None:
    """Print a report, or write it to the file `output`. Raises TargetError where it may not."""
    from mlpo_cli import files

    if output is not None:
        files.write(output, report if isinstance(report, str) else report.plain, overwrite)
        console.talk(f"written to {output}")
    elif isinstance(report, str):
        console.answer(report)
    else:
        console.show(report)


def tell_replay(
    command: str, inputs: Inputs, answered: Answered, options: Mapping[str, str | None]
) -> None:
    """After an interview: the command that gives the same answer without one."""
    from mlpo_cli.answers.save import replay

    same = {} if inputs.rules is None else {"--rules": inputs.rules}
    console.talk(
        f"\nThe same without questions:\n  {replay(command, answered, {**same, **options})}"
    )
