"""`mlpo new` as scripts and people use it: previewed, into a clone, committed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import EXAMPLES, mlpo

from mlpo_cli import __version__
from mlpo_cli.scaffold.place import hash_tree, list_files

pytestmark = pytest.mark.slow

NEW = ("new", "mine", "--orchestrator", "metaflow", "--no-input")
NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
SOMEBODY = {
    **NOBODY,
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
}  # fmt: skip


def git(folder, *arguments):
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **SOMEBODY},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_dry_run_shows_the_decision_and_the_tree_and_writes_nothing(tmp_path):
    answers = str(EXAMPLES / "startup.yaml")
    shown = mlpo("new", "--answers", answers, "--dry-run", "--save-answers", "a", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "Metaflow" in shown.stdout.splitlines()[0]
    assert "\nchurn-model/" in shown.stdout
    assert "\n  src/\n    churn_model/\n" in shown.stdout
    assert "Nothing was written" in shown.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_tells_scripts_what_the_run_will_make(tmp_path):
    planned = json.loads(mlpo(*NEW, "--dry-run", "--json", cwd=tmp_path).stdout)
    assert list(tmp_path.iterdir()) == []
    made = json.loads(mlpo(*NEW, "--json", cwd=tmp_path).stdout)
    assert (planned.pop("dry_run"), made.pop("dry_run")) == (True, False)
    assert planned == made
    on_disk = list_files(tmp_path / "mine")
    assert made["tree_hash"] == hash_tree(tmp_path / "mine", on_disk)
    assert made["files"] == [
        {"path": name, "bytes": (tmp_path / "mine" / name).stat().st_size} for name in on_disk
    ]


@pytest.mark.parametrize("preview", [(), ("--dry-run",)])
def test_all_files_that_are_in_the_way_are_listed_at_once(tmp_path, preview):
    (tmp_path / "mine" / "src").mkdir(parents=True)
    for name in ("Makefile", "README.md", "LICENSE", "src/theirs"):
        (tmp_path / "mine" / name).write_text("mine")
    ran = mlpo(*NEW, *preview, "--json", cwd=tmp_path)
    error = json.loads(ran.stdout)["error"]
    assert (ran.returncode, error["kind"]) == (2, "target")
    assert [problem["where"] for problem in error["problems"]] == ["Makefile", "README.md"]
    assert list_files(tmp_path) == tuple(
        f"mine/{n}" for n in ("LICENSE", "Makefile", "README.md", "src/theirs")
    )


def test_a_folder_that_was_removed_is_a_sentence(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    ran = subprocess.run(
        ["bash", "-c", script, "bash", folder, sys.executable, "-m", "mlpo_cli", *NEW],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "current folder was removed" in ran.stderr) == (2, True), ran.stderr


def test_git_commits_the_project_in_a_repository_of_its_own(tmp_path):
    ran = mlpo(*NEW, "--git", "--json", cwd=tmp_path, **SOMEBODY)
    document = json.loads(ran.stdout)
    project = tmp_path / "mine"
    assert document["git"] == {
        "root": str(project),
        "initialized": True,
        "commit": git(project, "rev-parse", "HEAD").strip(),
    }
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "ls-files").split() == [file["path"] for file in document["files"]]
    assert git(project, "log", "--format=%s") == f"Start mine with mlpo {__version__}\n"


def test_git_commits_only_the_project_to_the_repository_of_a_clone(tmp_path):
    project = tmp_path / "mine"
    project.mkdir()
    git(project, "init", "--quiet")
    (project / "LICENSE").write_text("theirs")
    git(project, "add", "LICENSE")
    git(project, "commit", "--quiet", "--message", "theirs")
    (project / "staged").write_text("mine")
    git(project, "add", "staged")
    ran = mlpo(*NEW, "--git", "--json", cwd=tmp_path, **SOMEBODY, GIT_DIR="/nowhere")
    assert json.loads(ran.stdout)["git"]["initialized"] is False, ran.stdout
    assert git(project, "log", "--format=%s").count("\n") == 2
    assert git(project, "status", "--porcelain") == "A  staged\n"


def test_without_a_git_identity_nothing_is_committed_and_a_warning_says_so(tmp_path):
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    ran = mlpo(*NEW, "--git", "--json", cwd=tmp_path, **NOBODY, **home)
    document = json.loads(ran.stdout)
    assert (ran.returncode, document["git"]["commit"]) == (0, None)
    assert "user.name" in document["warnings"][0]
    assert (tmp_path / "mine" / ".git").is_dir()


def test_when_git_refuses_its_message_is_shown_and_the_project_stays(tmp_path):
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("mine\n")
    ran = mlpo(*NEW, "--git", "--json", cwd=tmp_path, **SOMEBODY)
    error = json.loads(ran.stdout)["error"]
    assert (ran.returncode, error["kind"]) == (1, "finding")
    assert "ignored" in error["message"]
    assert (tmp_path / "mine" / "Makefile").is_file()


@pytest.mark.parametrize("tool", ["git", "make"])
def test_a_missing_tool_is_reported_before_anything_is_written(tmp_path, tool):
    option = {"git": "--git", "make": "--run"}[tool]
    ran = mlpo(*NEW, option, cwd=tmp_path, PATH=str(tmp_path))
    assert ran.returncode == 2
    assert f"{option} needs {tool}" in ran.stderr
    assert not (tmp_path / "mine").exists()


def test_run_shows_progress_and_its_failure_is_exit_1(tmp_path):
    """A stand-in for make, which prints its arguments and fails."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "make").write_text('#!/bin/sh\necho "asked for $* in $PWD [$MAKEFLAGS]"\nexit 3\n')
    (tools / "make").chmod(0o755)
    path = f"{tools}{os.pathsep}{Path(shutil.which('sh')).parent}"
    ran = mlpo(*NEW, "--run", "--json", cwd=tmp_path, PATH=path, MAKEFLAGS="n")
    error = json.loads(ran.stdout)["error"]
    assert (ran.returncode, error["kind"]) == (1, "finding")
    assert "`make setup run` failed" in error["message"]
    assert f"setup run in {tmp_path / 'mine'} []" in ran.stderr
    assert (tmp_path / "mine" / "Makefile").is_file()
