"""`mlpo schema`: the JSON Schema of the answers document, or of rules files."""

from __future__ import annotations

import json
from typing import Any

from mlpo_cli.commands import inputs as common
from mlpo_cli.commands.inputs import Inputs
from mlpo_cli.errors import ExitCode, UserError

DOCUMENTS = ("answers", "rules")


def schema(
    document: str = "answers",
    rules: str | None = None,
    output: str | None = None,
    overwrite: bool = False,
) -> int:
    """Print the schema of a document in `DOCUMENTS`, or write it to the file `output`.

    `rules` is a folder laid over mlpo's rules. Raises UserError for an unknown document,
    RulesError, and TargetError for a file that may not be written.
    """
    if document not in DOCUMENTS:
        fix = f"use one of: {', '.join(DOCUMENTS)}"
        raise UserError(f"there is no schema of {document!r}", fix)
    text = json.dumps(_build(document, rules), indent=2) + "\n"
    common.deliver(text, output, overwrite)
    return ExitCode.OK


def _build(document: str, rules: str | None) -> dict[str, Any]:
    loaded = common.load_rules(Inputs(rules=rules))
    if document == "answers":
        from mlpo_cli.answers.schema import build

        return build(loaded)
    from mlpo_cli.rules.schema import build_rules_schema

    return build_rules_schema(loaded, common.load_rules(Inputs()))
