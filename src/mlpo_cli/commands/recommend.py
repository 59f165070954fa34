"""`mlpo recommend`: which orchestrator fits, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_cli import console
from mlpo_cli.errors import AnswersError, ExitCode, UserError

if TYPE_CHECKING:
    from mlpo_cli.decision.model import Rules
    from mlpo_cli.decision.outcome import Decision


def recommend(answers: str | None, format: str) -> int:
    """Print the Decision for the answers in a file (`-`: standard input).

    `format` is table, json or adr. Returns 1 when none fits. Raises AnswersError for answers
    that cannot be used.
    """
    from mlpo_cli import rules as rule_files
    from mlpo_cli.answers.document import load
    from mlpo_cli.answers.validate import validate
    from mlpo_cli.decision.engine import decide
    from mlpo_cli.resources import rules_dir

    if answers is None:
        raise UserError(
            "no answers to decide on",
            "pass --answers FILE, or --answers - to read them from standard input",
        )
    rules = rule_files.load(rules_dir())
    given, problems = validate(load(answers), rules, [o.id for o in rules.orchestrators])
    if problems:
        raise AnswersError(problems)
    decision = decide(rules, given.criteria, given.weights)
    _print(rules, decision, format)
    return ExitCode.NEGATIVE if decision.verdict == "none" else ExitCode.OK


def _print(rules: Rules, decision: Decision, format: str) -> None:
    if format == "json":
        from mlpo_cli.reports import jsondoc

        console.answer(jsondoc.dumps(jsondoc.decision_document(decision)))
    elif format == "adr":
        from mlpo_cli.reports import adr

        console.answer(adr.render(rules, decision.orchestrator, decision))
    else:
        from mlpo_cli.reports import terminal

        console.show(terminal.render(rules, decision))
