"""`mlpo skill`: what a coding agent reads, on stdout, in a file, or as JSON."""

from __future__ import annotations

import json
import re

import typer
import yaml
from support import EXAMPLES, mlpo

from mlpo_cli.cli import app
from mlpo_cli.errors import ExitCode
from mlpo_cli.resources import skill_file

TEXT = skill_file().read_text(encoding="utf-8")


def test_it_is_printed_written_and_given_as_json(tmp_path):
    assert mlpo("skill", cwd=tmp_path).stdout == TEXT
    assert mlpo("skill", "--output", "mine.md", cwd=tmp_path).stdout == ""
    assert (tmp_path / "mine.md").read_text(encoding="utf-8") == TEXT
    document = json.loads(mlpo("skill", "--json", cwd=tmp_path).stdout)
    assert document == {"schema_version": 1, "path": None, "text": TEXT}


def test_in_a_folder_it_is_named_skill_md_and_json_says_where(tmp_path):
    (tmp_path / "mlpo").mkdir()
    ran = mlpo("skill", "--json", "--output", "mlpo", cwd=tmp_path)
    assert json.loads(ran.stdout)["path"] == "mlpo/SKILL.md"
    assert (tmp_path / "mlpo" / "SKILL.md").read_text(encoding="utf-8") == TEXT
    again = mlpo("skill", "--output", "mlpo", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "mlpo/SKILL.md exists already" in again.stderr


def test_a_folder_that_is_not_there_is_never_taken_for_a_file(tmp_path):
    ran = mlpo("skill", "--output", "skills", cwd=tmp_path)
    assert ran.returncode == 2
    assert "skills is not a folder" in ran.stderr
    assert not (tmp_path / "skills").exists()


def test_its_front_matter_is_what_agents_look_for():
    front = yaml.safe_load(TEXT.split("---\n")[1])
    assert front.keys() == {"name", "description"}
    assert re.fullmatch(r"[a-z0-9-]{1,64}", front["name"])
    assert "Use when" in front["description"]
    assert len(front["description"]) <= 1024


def test_it_names_every_command_and_exit_code():
    root = typer.main.get_command(app)
    for command in root.commands:
        assert re.search(rf"^\| `mlpo {command}\b", TEXT, re.M), command
    for code in ExitCode:
        assert re.search(rf"^\| {code.value} \|", TEXT, re.M), code


def test_the_keys_that_it_tells_agents_to_read_are_in_the_document(tmp_path):
    section = TEXT.split("Read these keys")[1].split("\n## ")[0]
    starts = re.findall("^- (.*?): ", section, re.M)
    keys = [key for start in starts for key in re.findall(r"`([a-z_.]+)`", start)]
    answers = str(EXAMPLES / "startup.yaml")
    document = json.loads(mlpo("recommend", "--answers", answers, "--json", cwd=tmp_path).stdout)
    assert "verdict" in keys
    assert "open_questions" in keys
    for key in keys:
        value = document
        for part in key.split("."):
            value = value[part]
