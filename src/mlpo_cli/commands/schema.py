"""`mlpo schema`: the answers document as JSON Schema."""

from __future__ import annotations

import json

from mlpo_cli.commands.inputs import Inputs, load_rules, write_report
from mlpo_cli.errors import ExitCode


def schema(rules: str | None = None, output: str | None = None, yes: bool = False) -> int:
    """Print the schema, or write it to the file `output`.

    `rules` is a folder laid over our rules. Raises RulesError, and TargetError for a file that
    may not be written.
    """
    from mlpo_cli.answers.schema import build

    document = build(load_rules(Inputs(rules=rules)))
    write_report(json.dumps(document, indent=2) + "\n", output, yes)
    return ExitCode.OK
