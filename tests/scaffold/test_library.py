"""`make` in a project and the library in its vendor/: set up once, and again when it is another."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from projects import MINIMAL, Project, generate
from set_up import replace_kit, set_up

from mlpo_kit.setup import vendored

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path) -> Project:
    """A project that was set up, as far as make can tell."""
    made = generate(tmp_path, *MINIMAL)
    (made.path / ".venv").mkdir()
    (made.path / ".venv" / "ready").touch()
    return made


def would_set_up(project: Project) -> bool:
    """Whether `make setup` has anything to do."""
    return project.make("--question", "setup", check=False).returncode == 1


def installer(project: Project) -> str:
    """What `make setup` would start, relative to the project."""
    shown = project.make("--dry-run", "--always-make", "setup").stdout
    (found,) = re.findall(r"^\S+ '(.*)/mlpo_kit/setup'$", shown, re.M)
    return str(found)


@pytest.mark.slow
def test_nothing_is_done_where_nothing_changed(project):
    assert not would_set_up(project)
    assert "Nothing to be done" in project.make("setup").stdout


@pytest.mark.slow
def test_another_wheel_is_installed_even_if_its_date_is_older(project):
    wheel = replace_kit(project.path, {"src/mlpo_kit/errors.py": b""})
    os.utime(wheel, (1, 1))
    os.utime(project.path / vendored.LOCK, (1, 1))
    assert would_set_up(project)
    assert installer(project) == f"vendor/{wheel.name}"


@pytest.mark.slow
def test_an_edit_of_the_locks_sets_up_again(project):
    ready = project.path / ".venv" / "ready"
    now = ready.stat().st_mtime
    for name in (vendored.LOCK, "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        assert not would_set_up(project)
        os.utime(project.path / name, (now + 10, now + 10))
        assert would_set_up(project), name
        os.utime(project.path / name, (now - 10, now - 10))


@pytest.mark.slow
def test_an_ejected_library_is_installed_by_its_own_installer(project):
    assert set_up(project.path, "eject").returncode == 0
    assert would_set_up(project)
    assert installer(project) == "vendor/mlpo-kit/src"
    assert set_up(project.path, "restore").returncode == 0
    assert installer(project).endswith("-py3-none-any.whl")


@pytest.mark.slow
@pytest.mark.parametrize("target", ["setup", "lock", "run"])
def test_a_project_without_its_wheel_says_so_in_one_sentence(project, target):
    vendored.find_wheel(project.path).unlink()
    (project.path / ".venv" / "ready").unlink()
    done = project.make(target, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "vendor/ has no wheel of mlpo-kit: `git checkout -- vendor` brings it back" in line


@pytest.mark.slow
def test_git_takes_the_library_whatever_it_is_told_to_leave_out(project, tmp_path):
    ignored = tmp_path / "ignored"
    ignored.write_text("*.whl\nvendor/\n")
    git = ["git", "-c", f"core.excludesFile={ignored}"]
    subprocess.run([*git, "init", "-q"], cwd=project.path, check=True)
    shown = subprocess.run(
        [*git, "status", "--porcelain", "-uall"],
        cwd=project.path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"?? vendor/{vendored.find_wheel(project.path).name}\n" in shown
    assert "?? .mlpo/generated.zip\n" in shown


@pytest.mark.slow
def test_the_images_name_changes_with_the_library(project):
    """Its tag is a hash of files, which the library lists."""
    source = (ROOT / "kit/src/mlpo_kit/cluster/image.py").read_text()
    patterns = re.search(r"^CONTENT = \((.*?)^\)", source, re.M | re.S)
    assert patterns is not None
    globs = re.findall(r'"([^"]+)"', patterns[1])
    named = {path for pattern in globs for path in project.path.glob(pattern)}
    assert vendored.find_wheel(project.path) in named
    assert project.path / vendored.LOCK in named
    allowed = (project.path / ".dockerignore").read_text().splitlines()
    assert {"!vendor", "!requirements-kit.lock"} <= set(allowed)
    for path in named - {project.path / "deploy/Dockerfile", project.path / "deploy/base-image"}:
        top = path.relative_to(project.path).parts[0]
        assert f"!{top}" in allowed or Path(top).name == ".dockerignore", path
