"""Write what is generated in docs/: the command line from --help, the schema from the rules.

    python scripts/docs.py

tests/test_docs.py fails when they are not in step.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
VERBS = ("recommend", "new", "compare", "schema")
HEAD = """# The command line

Written by `make docs` from `mlpo --help`.
"""


def shown(*arguments: str) -> str:
    """What mlpo prints, in 80 columns and without colour."""
    environment = {**os.environ, "COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "mlpo_cli", *arguments],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ran.stdout


def command_line() -> str:
    """docs/cli.md."""
    parts = [HEAD]
    for words in ((), *((verb,) for verb in VERBS)):
        command = " ".join(("mlpo", *words))
        lines = "\n".join(line.rstrip() for line in shown(*words, "--help").strip().splitlines())
        parts.append(f"## {command}\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


def main() -> None:
    """Write both files."""
    (DOCS / "cli.md").write_text(command_line(), encoding="utf-8")
    (DOCS / "answers.schema.json").write_text(shown("schema"), encoding="utf-8")


if __name__ == "__main__":
    main()
