"""Run `mlpo-kit check` of a generated project, in the project's own environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlpo_cli.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SECONDS = 300  # the environment imports an orchestrator and the project's code
COMMANDS = (".venv/bin/mlpo-kit", ".venv/Scripts/mlpo-kit.exe")


def find_projects(paths: Sequence[str]) -> list[Path]:
    """Return the folders of the generated projects that paths are in, each once.

    Raises UserError if a path is in none.
    """
    projects: dict[Path, None] = {}
    for path in paths or ["."]:
        absolute = Path(os.path.abspath(path))
        folders = (absolute, *absolute.parents)
        project = next((folder for folder in folders if _is_project(folder)), None)
        if project is None:
            raise UserError(
                f"{path} is in no project that mlpo generated: no pyproject.toml there has "
                "[tool.mlpo] with a package",
                "run it in a project, or without --project",
            )
        projects[project] = None
    return list(projects)


def _is_project(folder: Path) -> bool:
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        table: Any = tomllib.loads(text)
    except (OSError, ValueError, RecursionError):
        return False
    for key in ("tool", "mlpo", "package"):
        table = table.get(key) if isinstance(table, dict) else None
    return isinstance(table, str)


def check_project(project: Path) -> list[str]:
    """Run the check of a project's kit. Returns a sentence for each problem.

    This executes the project's code. Raises UserError if there is no environment, or if its kit
    gives no answer.
    """
    command = next((project / name for name in COMMANDS if (project / name).is_file()), None)
    if command is None:
        raise UserError(
            f"{project} has no environment: there is no {COMMANDS[0]}", "run `make setup` in it"
        )
    try:
        process = subprocess.run(
            [str(command), "check", "--json"],
            cwd=project,
            env={**os.environ, "MLPO_KIT_PROJECT": str(project)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        reason = f"it takes longer than {SECONDS} s"
    except OSError as error:
        reason = str(error.strerror)
    else:
        problems = _read_answer(process.stdout)
        if problems is not None:
            return problems
        lines = process.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if lines else f"it ended with {process.returncode} and no answer"
    raise UserError(f"{command} check does not work: {reason}", "run `make setup` in the project")


def _read_answer(data: bytes) -> list[str] | None:
    """Return the problems in a JSON document; None if it is no answer of the kit."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("error"), str):
        return [document["error"]]
    problems = document.get("problems")
    return [str(problem) for problem in problems] if isinstance(problems, list) else None
