"""What the pages of a generated project name is there."""

import re

import pytest
from projects import MAXIMAL, generate

from mlpo_cli.scaffold import available

PAGES = ("README.md", "docs/cluster.md", "docs/manual.md")
# Made by the commands that the pages are about, or the reader's own.
MADE = re.compile(
    r"build/|data/|<|my-profile|configs/zenml/|patches|runs/|cache/|checkpoints/|registry/|retention/"
    r"|report"
)


@pytest.fixture(scope="module", params=available())
def project(request, tmp_path_factory):
    return generate(tmp_path_factory.mktemp("pages"), *MAXIMAL, orchestrator=request.param).path


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_file_of_a_page_is_there(project, page):
    text = (project / page).read_text()
    known = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(), re.MULTILINE))
    code = re.findall(r"`([^`]+)`", text) + re.findall(r"^ {0,3}(make .*)$", text, re.MULTILINE)
    for command in (piece for piece in code if piece.startswith("make ")):
        words = command.partition("#")[0].split()[1:]
        targets = [word for word in words if re.fullmatch("[a-z][a-z-]*", word)]
        assert set(targets) - known == set(), command
    path = r"(?:src|pipeline|configs|deploy|docs|scripts|stacks|tests)/[\w./-]*\w"
    for name in re.findall(rf"(?<![\w/.-])({path})", text):
        if not MADE.search(name):
            assert (project / name).exists(), name
