"""`mlpo recommend`: which orchestrator fits, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_cli.commands.inputs import (
    NO_INPUTS,
    Inputs,
    collect_answers,
    interview,
    load_rules,
    may_prompt,
    require_valid,
    save_answers,
    show_replay_command,
    write_report,
)
from mlpo_cli.errors import ExitCode, UserError

if TYPE_CHECKING:
    from rich.text import Text

    from mlpo_cli.answers.gather import Gathered
    from mlpo_cli.decision.model import Rules
    from mlpo_cli.decision.outcome import Decision


def recommend(
    answers: str | None, format: str, inputs: Inputs = NO_INPUTS, output: str | None = None
) -> int:
    """Print the Decision for the answers in a file (`-`: standard input), or ask for them.

    `format` is table, json, adr or html; the report goes to the file `output` if there is one.
    Returns 1 when none fits. Raises AnswersError for answers that cannot be used, UserError where
    there are none and no terminal to ask in, TargetError for a file that may not be written.
    """
    from mlpo_cli import files
    from mlpo_cli.decision.engine import decide

    if output is not None:
        files.check(output, inputs.overwrite)
    rules = load_rules(inputs)
    orchestrators = [orchestrator.id for orchestrator in rules.orchestrators]
    gathered = require_valid(collect_answers(answers, inputs, rules, orchestrators))
    in_terminal = may_prompt(answers, inputs, json=format == "json")
    if in_terminal:
        gathered = interview(rules, gathered, review=not inputs.yes)
    elif answers is None and not gathered.answered.criteria and not inputs.defaults:
        from mlpo_cli.reports.refusals import GIVE_ANSWERS, NO_ANSWERS

        raise UserError(NO_ANSWERS, GIVE_ANSWERS)
    decision = decide(rules, gathered.answered.criteria, gathered.answered.weights)
    decided_on = gathered.answered.project.get("decided_on")
    explained = gathered if inputs.explain else None
    report = _make_report(rules, decision, format, explained, decided_on)
    save_answers(inputs, gathered.answered, rules)
    write_report(report, output, inputs.overwrite)
    if in_terminal:
        options = {} if format == "table" else {"--format": format}
        show_replay_command("recommend", inputs, gathered.answered, options)
    return ExitCode.NEGATIVE if decision.verdict == "none" else ExitCode.OK


def _make_report(
    rules: Rules,
    decision: Decision,
    format: str,
    explained: Gathered | None,
    decided_on: str | None,
) -> str | Text:
    """The report in a format, with sources and evidence where `explained` holds the answers.

    `decided_on` is the day of the decision, if the answers name it.
    """
    if format == "json":
        from mlpo_cli.reports import jsondoc

        document = jsondoc.decision_document(decision)
        if explained is not None:
            from mlpo_cli.reports import explain

            document["sources"] = explain.sources_document(explained)
        return jsondoc.dumps(document)
    if format == "adr":
        from mlpo_cli.reports import adr

        return adr.render(rules, decision.orchestrator, decision, decided_on)
    if format == "html":
        from mlpo_cli.reports import html

        return html.render(rules, decision)
    from mlpo_cli.reports import terminal

    if explained is None:
        return terminal.render(rules, decision)
    from mlpo_cli.reports import explain

    return terminal.render(rules, decision, explain.render(rules, decision, explained))
