"""Create the project's .venv with a pinned uv, and run commands in it."""

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
    """The setup stopped; the message tells the user what is wrong and how to fix it."""


def locate_python(project: Path) -> Path:
    """Return the path of Python in the project's .venv, which may not exist yet."""
    return project / ".venv" / "bin" / "python"


def create_environment(project: Path) -> None:
    """Create .venv if it does not exist, and install the pinned uv in it."""
    venv, python = project / ".venv", locate_python(project)
    if not python.exists():
        write_message(f"creating .venv with Python {platform.python_version()}")
        done = subprocess.run(
            [sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            shutil.rmtree(venv, ignore_errors=True)
            raise SetupError(
                "Python could not create a virtual environment. On Debian and Ubuntu, run "
                f"apt install python3-venv. Output:\n{(done.stdout + done.stderr).strip()}"
            )
    with tempfile.TemporaryDirectory() as folder:
        # Copy the lock to a file: pip can't read one inside a wheel.
        lock = Path(folder) / "uv.lock"
        lock.write_bytes(pkgutil.get_data("mlpo_kit.setup", "uv.lock") or b"")
        # Without -q: the output is only shown on failure, and a quiet pip omits the reason.
        pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
        run_command([*pip, "--require-hashes", "-r", str(lock)], project)


def make_install_command(project: Path) -> list[str]:
    """Return the start of a command that installs packages into .venv."""
    python = str(locate_python(project))
    return [python, "-m", "uv", "pip", "install", "--python", python, "-q"]


def make_uv_environment(python: str | Path) -> dict[str, str]:
    """Return the environment variables for uv, so that it uses the indexes configured for pip."""
    environment = dict(os.environ)
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    for variable, option in (
        ("UV_DEFAULT_INDEX", "index-url"),
        ("UV_INDEX", "extra-index-url"),
        ("UV_FIND_LINKS", "find-links"),
    ):
        settings = re.findall(rf"^\S+\.{option}=(.+)$", listed, re.MULTILINE)
        values = [value for text in settings for value in ast.literal_eval(text).split()]
        if option == "extra-index-url":  # uv fails if a folder is missing, pip does not
            values = [value for value in values if not value.startswith("file:")]
        if values and variable not in environment:
            separator = "," if variable == "UV_FIND_LINKS" else " "
            environment[variable] = separator.join(dict.fromkeys(values))
    return environment


def run_command(
    command: Sequence[str],
    project: Path,
    environment: Mapping[str, str] | None = None,
    hint: str = "",
    stdin: str = "",
) -> None:
    """Run a command in the project; raises SetupError with its output and a hint if it fails."""
    done = subprocess.run(
        command, cwd=project, env=environment, input=stdin, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        words, output = " ".join(command[:6]), (done.stdout + done.stderr).strip()
        raise SetupError(f"`{words} ...` failed:\n{output}\n{hint}".strip())


def write_message(text: str) -> None:
    """Print one line of progress."""
    print(f"setup: {text}", flush=True)
