"""`mlpo schema`: the JSON Schema of the answers document, or of rules files."""

from __future__ import annotations

import json
from typing import Any

from mlpo_cli.commands.inputs import Inputs, load_rules, write_report
from mlpo_cli.errors import ExitCode


def schema(
    document: str = "answers",
    rules: str | None = None,
    output: str | None = None,
    overwrite: bool = False,
) -> int:
    """Print the schema of a document (answers or rules), or write it to the file `output`.

    `rules` is a folder laid over mlpo's rules. Raises RulesError, and TargetError for a file that
    may not be written.
    """
    text = json.dumps(_build(document, rules), indent=2) + "\n"
    write_report(text, output, overwrite)
    return ExitCode.OK


def _build(document: str, rules: str | None) -> dict[str, Any]:
    loaded = load_rules(Inputs(rules=rules))
    if document == "answers":
        from mlpo_cli.answers.schema import build

        return build(loaded)
    from mlpo_cli.rules.schema import build_rules_schema

    return build_rules_schema(loaded, load_rules(Inputs()))
