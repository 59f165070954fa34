"""What `mlpo-kit check` says about a project, as findings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from mlpo_cli.check.model import Finding, Place, Severity
from mlpo_cli.check.walk import name_file

ID = "mlpo-kit"
TITLE = "the parts of the project do not match"
WHY = "The project's own check fails: a run would not do what these files say, or not start."
ADVICE = "Correct the file, then run `mlpo check --project` again."
_PLACE = re.compile(r"(?P<file>[^\s:,]+\.\w+)(?:(?::|, line )(?P<line>\d{1,7}))?: ")

_NAME = re.compile(r"\w*[^\w\s]")  # a message that begins with a file or a name


def make_findings(project: Path, problems: Iterable[str]) -> list[Finding]:
    """Return a finding for each problem.

    It is in the file and line that the problem begins with, else in the project's pipeline file.
    A problem that begins with a file without a line is about the whole file.
    """
    return [_make_finding(project, " ".join(problem.split())) for problem in problems]


def _make_finding(project: Path, problem: str) -> Finding:
    match = _PLACE.match(problem)
    if match and not match["line"] and not (project / match["file"]).is_file():
        match = None  # a setting, such as train.epochs
    file = project / match["file"] if match else _find_pipeline(project)
    line = max(1, int(match["line"] or 1)) if match else 1
    message = problem[match.end() :] if match else problem
    return Finding(
        name_file(Path(os.path.abspath(file))),
        Place(line, 1, line, 1),
        ID,
        Severity.ERROR,
        message if _NAME.match(message) else f"{message[:1].upper()}{message[1:]}",
        WHY,
        ADVICE,
        problem,  # a baseline knows it by its text, not by a line of the file
    )


def _find_pipeline(project: Path) -> Path:
    """Return the only file of the folder `pipeline`, else pyproject.toml."""
    files = sorted((project / "pipeline").glob("*.py"))
    return files[0] if len(files) == 1 else project / "pyproject.toml"
