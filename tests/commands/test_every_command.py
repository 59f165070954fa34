"""What scripts and agents may expect of each command that mlpo has, whatever it does."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from mlpo_cli.cli import app

pytestmark = pytest.mark.slow

ROOT: Any = typer.main.get_command(app)
COMMANDS = ROOT.commands
SWITCHES = [
    pytest.param(name, option, id=f"{name} {option}")
    for name, command in COMMANDS.items()
    for parameter in command.params
    if getattr(parameter, "is_flag", False)
    for option in parameter.opts
]


def run(folder: Path, *arguments: str, terminal: bool = False) -> subprocess.CompletedProcess[str]:
    """Run mlpo with an input that stays open and silent: a question would wait until the timeout.

    With `terminal` the input and stderr are a terminal, in which mlpo may ask.
    """
    ours, theirs = pty.openpty() if terminal else os.pipe()[::-1]
    try:
        return subprocess.run(
            [sys.executable, "-m", "mlpo_cli", *arguments],
            cwd=folder,
            env={
                **os.environ,
                "TERM": "xterm",
                "XDG_STATE_HOME": str(folder / "state"),
                "XDG_CACHE_HOME": str(folder / "cache"),
            },
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs if terminal else subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("terminal", [False, True], ids=["without a terminal", "in a terminal"])
@pytest.mark.parametrize("command", COMMANDS)
def test_with_json_it_prints_one_document_and_never_asks(command, terminal, tmp_path):
    ran = run(tmp_path, command, "--json", terminal=terminal)
    document = json.loads(ran.stdout)
    assert ran.returncode == document.get("error", {"exit_code": 0})["exit_code"]


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_short_for_the_format(command, tmp_path):
    formats = [p for p in COMMANDS[command].params if "--format" in p.opts]
    for _ in formats:
        ran = run(tmp_path, command, "--format", "json")
        assert ran.stdout == run(tmp_path, command, "--json").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_terminal_it_ends_instead_of_asking(command, tmp_path):
    ran = run(tmp_path, command)
    assert ran.returncode in (0, 2)
    assert "fix:" in ran.stderr if ran.returncode else ran.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("command", "option"), SWITCHES)
def test_no_switch_makes_it_ask_without_a_terminal(command, option, tmp_path):
    assert run(tmp_path, command, option).returncode in (0, 2)


@pytest.mark.parametrize("command", COMMANDS)
def test_its_help_says_what_it_does_and_how_it_ends(command, tmp_path):
    ran = run(tmp_path, command, "--help")
    assert ran.returncode == 0
    assert "Exit codes: 0" in ran.stdout
    assert command in run(tmp_path, "--help").stdout.split()
