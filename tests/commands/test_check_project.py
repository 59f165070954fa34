"""`mlpo check --project`: the project's own check is merged, and only then is code executed."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from checking import write_files
from environments import borrow, environment
from projects import MINIMAL, generate

from mlpo_cli.commands import check as command
from mlpo_cli.errors import UserError
from mlpo_cli.scaffold import list_scaffolds

PROJECT = '[tool.mlpo]\npackage = "houses"\norchestrator = "metaflow"\n'
FLOW = "x = 1\n"


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """Run the command in a folder; return its exit code and its output."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))

    def run(folder: Path, **options: object) -> tuple[int, str]:
        monkeypatch.chdir(folder)
        code = command.check(command.Options(**options))  # type: ignore[arg-type]
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def project(tmp_path):
    """A project whose kit answers what a test says, and notes where it was run."""
    files = {"pyproject.toml": PROJECT, "pipeline/flow.py": FLOW}
    folder = write_files(tmp_path / "houses", files)
    answer(folder, {"schema_version": 1, "problems": []})
    return folder


# It starts as pip writes it where the path of Python has a space.
SCRIPT = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import os, sys
open('ran', 'a').write(' '.join([os.getcwd(), *sys.argv[1:]]))
print({text!r})
sys.exit({code})
"""


def answer(project: Path, document: object, code: int = 0) -> None:
    """Let the kit of a project print a document."""
    kit = project / ".venv/bin/mlpo-kit"
    kit.parent.mkdir(parents=True, exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    kit.write_text(SCRIPT.format(python=sys.executable, text=text, code=code))
    kit.chmod(0o755)


def test_problems_of_the_kit_are_findings_of_their_own_kind(check, project):
    problems = [
        "no step runs the stage train",
        "pipeline/flow.py:1: NameError: no y",
        "pipeline/flow.py, line 9: NameError: no z",
        "src/houses/stages.py has no stage train",
        "requirements.lock:3: it pins numpy 1: run `make lock`",
        "pyproject.toml: there is no requirements.lock: run `make lock`",
        "train.epochs: there is no such setting",
    ]
    answer(project, {"schema_version": 1, "problems": problems}, 1)
    code, out = check(project, project=True, format="json")
    found = [(f["rule"], f["file"], f["line"], f["message"]) for f in json.loads(out)["findings"]]
    assert code == 1
    assert found == [
        ("mlpo-kit", "pipeline/flow.py", 1, "No step runs the stage train"),
        ("mlpo-kit", "pipeline/flow.py", 1, "NameError: no y"),
        ("mlpo-kit", "pipeline/flow.py", 9, "NameError: no z"),
        ("mlpo-kit", "pipeline/flow.py", 1, "src/houses/stages.py has no stage train"),
        ("mlpo-kit", "requirements.lock", 3, "It pins numpy 1: run `make lock`"),
        ("mlpo-kit", "pyproject.toml", 1, "There is no requirements.lock: run `make lock`"),
        ("mlpo-kit", "pipeline/flow.py", 1, "train.epochs: there is no such setting"),
    ]
    assert (project / "ran").read_text() == f"{project} check --json"


@pytest.mark.parametrize("format", ["text", "sarif", "github"])
def test_every_format_shows_them(check, project, format):
    answer(project, {"schema_version": 1, "error": "pipeline/flow.py:1: SyntaxError: bad"}, 1)
    code, out = check(project, project=True, format=format)
    assert code == 1
    assert "SyntaxError: bad" in out
    assert "mlpo-kit" in out


def test_without_the_option_nothing_is_executed(check, project):
    assert check(project)[0] == 0
    assert not (project / "ran").exists()


def test_a_folder_or_a_file_of_the_project_means_the_project(check, project, tmp_path):
    assert check(tmp_path, paths=("houses/pipeline", "houses/pipeline/flow.py"), project=True)
    assert (project / "ran").read_text() == f"{project} check --json"  # once


def test_a_baseline_knows_them(check, project):
    answer(project, {"schema_version": 1, "problems": ["no step runs the stage train"]}, 1)
    assert check(project, project=True, write_baseline="known.json")[0] == 0
    assert check(project, project=True, baseline="known.json")[0] == 0


def test_what_cannot_be_run_is_one_sentence(check, project, tmp_path):
    with pytest.raises(UserError, match=r"is in no project that mlpo generated"):
        check(tmp_path, project=True)
    answer(project, "no JSON", 3)
    with pytest.raises(UserError, match="does not work: it ended with 3 and no answer"):
        check(project, project=True)
    os.remove(project / ".venv/bin/mlpo-kit")
    with pytest.raises(UserError, match=r"has no environment: there is no \.venv/bin/mlpo-kit"):
        check(project, project=True)
    with pytest.raises(UserError, match="cannot be used with --diff"):
        check(project, project=True, diff=True)


@pytest.mark.slow
def test_make_check_calls_mlpo_where_it_is_installed(tmp_path):
    made = generate(tmp_path, *MINIMAL)
    tools = tmp_path / "bin"
    names = {"mlpo": tools, "python": made.path / ".venv" / "bin"}
    for name, folder in names.items():
        folder.mkdir(parents=True)
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (folder / name).chmod(0o755)
    (made.path / ".venv" / "ready").touch()
    only = os.pathsep.join(["/usr/bin", "/bin"])
    done = made.make("check", PATH=f"{tools}{os.pathsep}{only}")
    assert (done.stdout, done.stderr) == ("mlpo check --project src pipeline tests\n", "")
    done = made.make("check", "ARGS=--json", PATH=only)
    assert done.stdout == "python -m mlpo_kit.cli check --json\n"
    assert done.stderr == "mlpo is not installed: its rules for pipelines are left out\n"


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("orchestrator", list_scaffolds())
def test_the_real_kit_of_a_generated_project_answers(
    check, tmp_path, tmp_path_factory, monkeypatch, orchestrator
):
    made = generate(tmp_path, *MINIMAL, orchestrator=orchestrator)
    for name, value in borrow(made, environment(orchestrator, tmp_path_factory)).items():
        monkeypatch.setenv(name, value)
    assert check(made.path, project=True)[0] == 0
    (pipeline,) = (made.path / "pipeline").glob("*.py")
    places = [
        break_file(pipeline, r"\Z", "undefined\n"),
        break_file(made.path / "configs" / "base.yaml", "epochs: 20", "epochs: none"),
        break_file(made.path / "configs" / "cluster.yaml", "  deploy: {", "  depoy: {"),
        break_file(made.path / "deploy" / "cluster.yaml", "replicas: 2", "replicas: two"),
        break_file(made.path / "requirements-cuda.lock", r"(?m)^pydantic==\S+", "pydantic==1.0"),
    ]
    code, out = check(made.path, project=True, format="json")
    found = [(finding["file"], finding["line"]) for finding in json.loads(out)["findings"]]
    assert code == 1
    assert set(places) <= set(found), out
    assert "NameError" in out


def break_file(path: Path, pattern: str, text: str) -> tuple[str, int]:
    """Replace what a pattern finds first; returns the file and the line of that."""
    old = path.read_text()
    match = re.search(pattern, old)
    assert match is not None, pattern
    path.write_text(old[: match.start()] + text + old[match.end() :])
    folder = "" if path.suffix == ".lock" else f"{path.parent.name}/"
    return f"{folder}{path.name}", old[: match.start()].count("\n") + 1
