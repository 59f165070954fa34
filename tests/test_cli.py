"""The command line as a whole: quick to start, documented, and quiet about its insides."""

from __future__ import annotations

import subprocess
import sys

from support import mlpo

from mlpo_cli import __version__


def test_the_version(tmp_path):
    ran = mlpo("--version", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, f"mlpo {__version__}\n")


def test_help_names_every_verb_and_its_exit_codes(tmp_path):
    assert {"recommend", "new"} <= set(mlpo("--help", cwd=tmp_path).stdout.split())
    for verb in ("recommend", "new"):
        ran = mlpo(verb, "--help", cwd=tmp_path)
        assert ran.returncode == 0
        assert "Exit codes: 0" in ran.stdout


def test_starting_up_imports_nothing_heavy():
    code = (
        "import sys, mlpo_cli.cli\n"
        "heavy = {'copier', 'yaml', 'rich', 'questionary', 'pydantic', 'mlpo_cli.decision'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
