"""`mlpo skill`: how a coding agent uses mlpo."""

from __future__ import annotations

import json
from pathlib import Path

from mlpo_cli import console
from mlpo_cli.commands.inputs import write_report
from mlpo_cli.errors import SCHEMA_VERSION, ExitCode
from mlpo_cli.resources import skill_file


def skill(as_json: bool, output: str | None = None, overwrite: bool = False) -> int:
    """Print the page for coding agents, or write it to `output`, which may be a folder.

    With `as_json` print one JSON document: the text, and the path that it was written to. Raises
    TargetError for a file that may not be written.
    """
    text = skill_file().read_text(encoding="utf-8")
    path = None if output is None else name_target(output)
    if path is not None or not as_json:
        write_report(text, path, overwrite)
    if as_json:
        document = {"schema_version": SCHEMA_VERSION, "path": path, "text": text}
        console.write_output(json.dumps(document, indent=2) + "\n")
    return ExitCode.OK


def name_target(output: str) -> str:
    """Return the file to write: `output` if it ends in .md, else SKILL.md in that folder."""
    path = Path(output)
    is_file = path.suffix == ".md" and not path.is_dir()
    return str(path if is_file else path / skill_file().name)
