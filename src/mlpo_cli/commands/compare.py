"""`mlpo compare`: the orchestrators side by side."""

from __future__ import annotations

from mlpo_cli.commands.inputs import Inputs, load_rules, write_report
from mlpo_cli.errors import ExitCode


def compare(
    format: str, rules: str | None = None, output: str | None = None, overwrite: bool = False
) -> int:
    """Print the comparison as table, markdown or json, or write it to the file `output`.

    `rules` is a folder laid over our rules. Raises RulesError, and TargetError for a file that
    may not be written.
    """
    from mlpo_cli.reports.compare import RENDERERS

    report = RENDERERS[format](load_rules(Inputs(rules=rules)))
    write_report(report, output, overwrite)
    return ExitCode.OK
