"""What the documentation says is so: commands run, files are in step, options are documented."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import EXAMPLES, RULES

from mlpo_cli import rules
from mlpo_cli.answers.fields import describe
from mlpo_cli.resources import rules_dir

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = ("answers.md", "rules.md")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.S | re.M)


def generator():
    spec = importlib.util.spec_from_file_location("docs", ROOT / "scripts" / "docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(page, language):
    text = (DOCS / page).read_text(encoding="utf-8")
    return [body for kind, body in _BLOCK.findall(text) if kind == language]


def commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line for page in PAGES for body in blocks(page, "sh") for line in body.splitlines()]
    lines += re.findall(r"^(?:\.venv/bin/python -m mlpo_cli|mlpo) (?!new).*$", text, re.M)
    return list(
        dict.fromkeys(line.replace(".venv/bin/python -m mlpo_cli", "mlpo") for line in lines)
    )


@pytest.mark.parametrize("command", commands())
def test_each_command_in_the_docs_runs(command, tmp_path):
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    words = shlex.split(command)
    variables = dict(word.split("=", 1) for word in words if re.match(r"MLPO_\w+=", word))
    arguments = words[words.index("mlpo") + 1 :]
    ran = subprocess.run(
        [sys.executable, "-m", "mlpo_cli", *arguments],
        cwd=tmp_path, env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_the_docs_have_commands_for_all_that_needs_no_terminal():
    verbs = {word for command in commands() for word in command.split()[:3]}
    assert {"recommend", "compare", "schema"} <= verbs


def test_the_command_line_page_is_what_help_says():
    expected = generator().command_line()
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == expected, "make docs"


def test_every_command_and_option_is_documented():
    import typer

    from mlpo_cli.cli import app

    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    assert set(group.commands) == set(generator().VERBS)
    for name, command in group.commands.items():
        section = text.split(f"## mlpo {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert f" {option}" in section, (name, option)


@pytest.mark.parametrize("number", range(len(blocks("rules.md", "yaml"))))
def test_each_example_of_rules_loads(number, tmp_path):
    text = blocks("rules.md", "yaml")[number]
    name = "orchestrators/zenml.yaml" if "scores:" in text else "criteria.yaml"
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert rules.load(rules_dir(), tmp_path) != RULES


def test_the_example_document_is_valid():
    from mlpo_cli.answers.validate import validate
    from mlpo_cli.yamlmap import read

    assert validate(read(blocks("answers.md", "yaml")[0], "x"), RULES, ["metaflow"])[1] == []


def test_the_variables_and_keys_in_the_docs_exist():
    text = (DOCS / "answers.md").read_text(encoding="utf-8")
    fields = describe(RULES, ["metaflow"])
    assert set(re.findall(r"MLPO_[A-Z_]*[A-Z]", text)) <= {field.variable for field in fields}
    assert set(re.findall(r"--set ([a-z_.]+)=", text)) <= {field.name for field in fields}
