"""The project's .venv: made with a pinned uv in it, and how commands run there."""

from __future__ import annotations

import ast
import os
import pkgutil
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path


class SetupError(Exception):
    """Setting up stopped for a reason that the user can mend: what is wrong, and the fix."""


def python_of(project: Path) -> Path:
    """The Python of the project's environment, whether it is there or not."""
    return project / ".venv" / "bin" / "python"


def create_environment(project: Path) -> None:
    """Make .venv unless it is there, and see that the pinned uv is in it."""
    venv, python = project / ".venv", python_of(project)
    if not python.exists():
        say(f"making .venv with Python {platform.python_version()}")
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True, check=False
        )
        if made.returncode:
            shutil.rmtree(venv, ignore_errors=True)
            raise SetupError(
                "Python could not make a virtual environment. On Debian and Ubuntu: "
                f"apt install python3-venv. It said:\n{(made.stdout + made.stderr).strip()}"
            )
    with tempfile.TemporaryDirectory() as folder:
        # A file of its own: pip reads none that is inside of a wheel.
        lock = Path(folder) / "uv.lock"
        lock.write_bytes(pkgutil.get_data("mlpo_kit.setup", "uv.lock") or b"")
        # Not quiet: shown on failure only, and the reason is in what a quiet pip leaves out.
        pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "-r", str(lock)], project)


def uv_install(project: Path) -> list[str]:
    """The start of a command that installs into .venv."""
    python = str(python_of(project))
    return [python, "-m", "uv", "pip", "install", "--python", python, "-q"]


def uv_environment(python: str | Path) -> dict[str, str]:
    """The environment for uv: what the pip of `python` is configured to use counts for uv too."""
    environment = dict(os.environ)
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    for variable, option in (
        ("UV_DEFAULT_INDEX", "index-url"),
        ("UV_INDEX", "extra-index-url"),
        ("UV_FIND_LINKS", "find-links"),
    ):
        found = re.findall(rf"^\S+\.{option}=(.+)$", listed, re.MULTILINE)
        values = [value for text in found for value in ast.literal_eval(text).split()]
        if option == "extra-index-url":  # uv stops at a folder that is not there; pip does not
            values = [value for value in values if not value.startswith("file:")]
        if values and variable not in environment:
            separator = "," if variable == "UV_FIND_LINKS" else " "
            environment[variable] = separator.join(dict.fromkeys(values))
    return environment


def run(
    command: Sequence[str],
    project: Path,
    environment: Mapping[str, str] | None = None,
    hint: str = "",
    stdin: str = "",
) -> None:
    """Run a command in the project; raises SetupError with its output and a hint when it fails."""
    done = subprocess.run(
        command, cwd=project, env=environment, input=stdin, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        words, said = " ".join(command[:6]), (done.stdout + done.stderr).strip()
        raise SetupError(f"`{words} ...` failed:\n{said}\n{hint}".strip())


def say(text: str) -> None:
    """One line of progress."""
    print(f"setup: {text}", flush=True)
