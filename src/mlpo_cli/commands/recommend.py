"""`mlpo recommend`: which orchestrator fits, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_cli.commands import inputs as common
from mlpo_cli.commands.inputs import NO_INPUTS, Inputs
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

    `format` is table, json, adr or html; it goes to the file `output` if there is one. Returns 1
    when none fits. Raises AnswersError for answers that cannot be used, UserError where there are
    none and nobody to ask, TargetError for a file that may not be written.
    """
    from mlpo_cli import files
    from mlpo_cli.decision.engine import decide

    if output is not None:
        files.check(output, inputs.overwrite)
    rules = common.load_rules(inputs)
    orchestrators = [o.id for o in rules.orchestrators]
    given = common.usable(common.collect(answers, inputs, rules, orchestrators))
    asking = common.may_ask(answers, inputs, json=format == "json")
    if asking:
        given = common.interview(rules, given, review=not inputs.yes)
    elif answers is None and not given.answered.criteria and not inputs.defaults:
        raise UserError(
            "no answers to decide on",
            "pass --answers FILE (- for standard input) or --set KEY=VALUE, run it in a terminal "
            "to be asked, or pass --defaults for what holds when nothing is known",
        )
    decision = decide(rules, given.answered.criteria, given.answered.weights)
    report = _report(rules, decision, format, given if inputs.explain else None)
    common.save(inputs, given.answered, rules)
    common.deliver(report, output, inputs.overwrite)
    if asking:
        same = {} if format == "table" else {"--format": format}
        common.tell_replay("recommend", inputs, given.answered, same)
    return ExitCode.NEGATIVE if decision.verdict == "none" else ExitCode.OK


def _report(rules: Rules, decision: Decision, format: str, explain: Gathered | None) -> str | Text:
    """The report in a format; with `explain`, where each value comes from and the evidence."""
    if format == "json":
        from mlpo_cli.reports import jsondoc

        document = jsondoc.decision_document(decision)
        if explain is not None:
            from mlpo_cli.reports import explain as explained

            document["sources"] = explained.sources_document(explain)
        return jsondoc.dumps(document)
    if format == "adr":
        from mlpo_cli.reports import adr

        return adr.render(rules, decision.orchestrator, decision)
    if format == "html":
        from mlpo_cli.reports import html

        return html.render(rules, decision)
    from mlpo_cli.reports import terminal

    text = terminal.render(rules, decision)
    if explain is not None:
        from mlpo_cli.reports import explain as explained

        text.append(explained.render(rules, decision, explain))
    return text
