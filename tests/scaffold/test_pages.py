"""The commands and files that the pages of a generated project name exist."""

import re
import shlex

import pytest
from pages import ROOT
from projects import MAXIMAL, MINIMAL, Project, generate

from mlpo_cli.scaffold import list_scaffolds

PAGES = ("README.md", "AGENTS.md", "docs/cluster.md", "docs/manual.md")
# Made by the commands that the pages describe, or by the reader.
MADE = re.compile(
    r"build/|data/|<|my-profile|my-sweep|configs/zenml/|patches|runs/|cache/|checkpoints/"
    r"|registry/|retention/|report"
)

ONLY_IN_THE_LIBRARY = {"check", "eject", "flow", "graph", "restore"}


@pytest.fixture(scope="module", params=list_scaffolds())
def project(request, tmp_path_factory):
    return generate(tmp_path_factory.mktemp("pages"), *MAXIMAL, orchestrator=request.param).path


def list_make_commands(text: str) -> list[str]:
    """Return the make commands in a page's code, without their comments."""
    code = re.findall(r"`([^`]+)`", text) + re.findall(r"^ {0,3}(make .*)$", text, re.MULTILINE)
    return [piece.partition("#")[0].strip() for piece in code if piece.startswith("make ")]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_file_of_a_page_exists(project, page):
    text = (project / page).read_text()
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(), re.MULTILINE))
    for command in list_make_commands(text):
        words = shlex.split(command)[1:]
        named = [word for word in words if re.fullmatch("[a-z][a-z-]*", word)]
        assert set(named) - targets == set(), command
    path = r"(?:src|pipeline|configs|deploy|docs|scripts|stacks|tests)/[\w./-]*\w"
    for name in re.findall(rf"(?<![\w/.-])({path})", text):
        if not MADE.search(name):
            assert (project / name).exists(), name


def test_every_command_for_agents_is_one_that_make_can_run(project):
    commands = list_make_commands((project / "AGENTS.md").read_text())
    assert "make plan" in commands
    for command in commands:
        Project(project).make("--dry-run", *shlex.split(command)[1:])


def test_make_and_the_library_describe_a_command_in_the_same_words(project):
    (orchestrator,) = re.findall('^orchestrator = "(.*)"$', read(project, "pyproject.toml"), re.M)
    helps = {
        path.stem.replace("_", "-"): match[1]
        for folder in ("cli", orchestrator, f"{orchestrator}/verbs")
        for path in (ROOT / "kit/src/mlpo_kit" / folder).glob("*.py")
        if (match := re.search('^HELP = "(.*)"$', path.read_text(), re.M))
    }
    commands = re.findall(r"^([a-z-]+):.*## (.*)\n\t@\$\(KIT\) ", read(project, "Makefile"), re.M)
    assert {name: shorten(text) for name, text in commands} == {
        name: shorten(helps[name]) for name, _ in commands
    }
    assert set(helps) - {name for name, _ in commands} <= ONLY_IN_THE_LIBRARY


def read(project, name):
    return (project / name).read_text()


def shorten(text):
    """Leave out what follows on a description: how to pass options differs."""
    return re.split("[;:] ", text)[0]


@pytest.mark.slow
@pytest.mark.parametrize("orchestrator", list_scaffolds())
def test_agents_are_told_about_sample_data_only_where_a_project_needs_it(orchestrator, tmp_path):
    builtin = generate(tmp_path, *MINIMAL, orchestrator=orchestrator).path
    own = generate(tmp_path, "own", "--data-source", "table", orchestrator=orchestrator).path
    assert "make sample-data" not in (builtin / "AGENTS.md").read_text()
    assert "make sample-data" in (own / "AGENTS.md").read_text()
