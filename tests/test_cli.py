"""The command line as a whole: quick to start, documented, and quiet about its insides."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support import mlpo

from mlpo_cli import __version__


def test_the_version(tmp_path):
    ran = mlpo("--version", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, f"mlpo {__version__}\n")


@pytest.mark.slow
def test_help_names_every_verb_and_its_exit_codes(tmp_path):
    assert {"recommend", "new", "compare", "schema"} <= set(
        mlpo("--help", cwd=tmp_path).stdout.split()
    )
    for verb in ("recommend", "new", "compare", "schema"):
        ran = mlpo(verb, "--help", cwd=tmp_path)
        assert ran.returncode == 0
        assert "Exit codes: 0" in ran.stdout


def test_starting_up_imports_nothing_heavy():
    code = (
        "import sys, mlpo_cli.cli\n"
        "heavy = {'copier', 'yaml', 'rich', 'questionary', 'pydantic', 'concurrent.futures'}\n"
        "heavy |= {'mlpo_cli.decision', 'mlpo_cli.check', 'tomllib'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def list_imported(arguments, *modules):
    """Those of the modules that a command imports."""
    code = (
        "import sys; from mlpo_cli.__main__ import main\n"
        f"sys.argv = ['mlpo', *{arguments}]\n"
        "main()\n"
        f"sys.stderr.write('\\nimported: ' + ' '.join({set(modules)} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stderr.rpartition("\nimported: ")[2].split()


def test_a_recommendation_imports_no_more_than_it_needs():
    arguments = ["recommend", "--set", "team_size=3", "--format", "json"]
    heavy = ("copier", "rich", "questionary", "pydantic", "jinja2", "prompt_toolkit")
    assert list_imported(arguments, *heavy) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["recommend", "--help"],
        ["recommend", "--defaults", "--yes", "--format", "adr"],
        ["compare", "--json"],
        ["check", "--list"],
        ["new", "--help"],
        ["new", "x", "--orchestrator", "kubflow"],
    ],
    ids=" ".join,
)
def test_no_command_imports_what_would_convert_its_options(arguments):
    """Newer releases of Typer would import pydantic: it takes longer than our own work."""
    assert list_imported(arguments, "pydantic", "copier") == []


def test_a_format_that_is_not_known_is_a_usage_error_that_names_the_known_ones(tmp_path):
    ran = mlpo("compare", "--format", "html", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "use one of: table, markdown, json" in ran.stderr
