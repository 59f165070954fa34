"""A generated project is small enough to be read in a morning."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import MAXIMAL, generate

from mlpo_cli.scaffold import list_scaffolds

FILES = 45  # locks, vendor/ and .mlpo/ are not counted: nobody reads them
LINES = 1500  # of Python, tests included
MODULE = 200
README = 120
PIPELINE = 70


@pytest.fixture(scope="module", params=list_scaffolds())
def project(request, tmp_path_factory) -> Path:
    """A project with everything in it, and a package name of the usual length."""
    folder = tmp_path_factory.mktemp(request.param)
    return generate(folder, *MAXIMAL, orchestrator=request.param).path


def count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def list_own_files(project: Path) -> list[Path]:
    """The files that a person owns."""
    return [
        path
        for path in project.rglob("*")
        if path.is_file()
        and path.suffix != ".lock"
        and path.relative_to(project).parts[0] not in ("vendor", ".mlpo")
    ]


@pytest.mark.slow
def test_there_are_few_files(project):
    names = sorted(path.relative_to(project).as_posix() for path in list_own_files(project))
    assert len(names) <= FILES, "\n".join(names)


def test_there_is_little_python_and_no_long_module(project):
    lines = {
        path.relative_to(project).as_posix(): count_lines(path)
        for path in list_own_files(project)
        if path.suffix == ".py"
    }
    assert sum(lines.values()) <= LINES, lines
    assert {name: count for name, count in lines.items() if count > MODULE} == {}


def test_the_readme_is_a_page_and_what_agents_read_half_of_one(project):
    assert count_lines(project / "README.md") <= README
    assert count_lines(project / "AGENTS.md") <= README // 2


def test_the_pipeline_is_one_short_file(project):
    (file,) = (project / "pipeline").iterdir()
    assert count_lines(file) <= PIPELINE
