"""What is generated: the same every time, whole, and clean."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from projects import MAXIMAL, MINIMAL, generate

from mlpo_cli.resources import scaffolds_dir
from mlpo_cli.scaffold import list_scaffolds
from mlpo_cli.scaffold.place import hash_tree, list_files

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture(scope="module", params=list_scaffolds())
def orchestrator(request):
    return request.param


@pytest.fixture(scope="module")
def minimal(orchestrator, tmp_path_factory):
    return generate(tmp_path_factory.mktemp("a folder"), *MINIMAL, orchestrator=orchestrator)


@pytest.fixture(scope="module")
def maximal(orchestrator, tmp_path_factory):
    return generate(tmp_path_factory.mktemp("a folder"), *MAXIMAL, orchestrator=orchestrator)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["minimal", "maximal"])
def test_the_tree_is_the_one_that_was_reviewed(which, orchestrator, request):
    """After a change on purpose: pytest --snapshot-update writes the lists anew."""
    files = "\n".join(list_files(request.getfixturevalue(which).path)) + "\n"
    files = re.sub(r"\+h[0-9a-f]{8}-py3", "+h<hash>-py3", files)  # the kit's, whatever is in it
    snapshot = SNAPSHOTS / f"{orchestrator}-{which}.txt"
    if request.config.getoption("--snapshot-update"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(files)
    assert files == snapshot.read_text()


@pytest.mark.slow
def test_the_same_answers_give_the_same_bytes(minimal, orchestrator, tmp_path):
    again = generate(tmp_path, *MINIMAL, orchestrator=orchestrator).path
    files = list_files(again)
    assert hash_tree(again, files) == hash_tree(minimal.path, list_files(minimal.path))


def test_make_help_prints_what_a_reader_can_use(minimal):
    shown = minimal.make("help").stdout
    assert "http://127.0.0.1:8000\n" in shown
    assert "$" not in shown
    assert "http://127.0.0.1:9000\n" in minimal.make("help", "PORT=9000").stdout


def test_the_library_is_the_same_in_every_project(minimal, maximal):
    (one,), (other,) = ((project.path / "vendor").iterdir() for project in (minimal, maximal))
    assert one.name == other.name
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.slow
def test_the_source_is_the_same_under_every_orchestrator(minimal, tmp_path):
    trees = [minimal.path / "src"]
    for name in list_scaffolds():
        (tmp_path / name).mkdir()
        trees.append(generate(tmp_path / name, *MINIMAL, orchestrator=name).path / "src")
    assert len({hash_tree(tree, list_files(tree)) for tree in trees}) == 1


def test_the_versions_that_make_the_numbers_are_the_same_in_every_lock(orchestrator):
    """So the same seed gives the same model: scaffolds/constraints.txt says which."""
    constraints = (scaffolds_dir() / "constraints.txt").read_text()
    wanted = set(re.findall(r"^[a-z-]+==[\w.]+", constraints, re.MULTILINE))
    lock = (scaffolds_dir() / orchestrator / "requirements-cuda.lock").read_text()
    assert wanted <= set(re.findall(r"^[a-z-]+==[\w.]+", lock, re.MULTILINE))


def test_nothing_of_the_templates_is_left(minimal, maximal):
    for project in (minimal, maximal):
        for name in list_files(project.path):
            assert not name.endswith(".jinja")
            if name.endswith((".j2", ".lock", ".whl", ".zip")) or name.startswith(".github"):
                continue
            text = (project.path / name).read_text(encoding="utf-8")
            assert "{{" not in text or name.endswith(".py"), name
            assert "{%" not in text, name


def test_no_module_is_too_long_to_read(minimal):
    for folder in ("src", "pipeline", "tests"):
        for path in (minimal.path / folder).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 250, path


@pytest.mark.slow
@pytest.mark.parametrize("package", ["a1", "x" * 40])
def test_style_holds_for_short_and_long_package_names(package, orchestrator, tmp_path):
    project = generate(tmp_path, "styled", "--package", package, orchestrator=orchestrator)
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "src", "pipeline", "tests"],
            cwd=project.path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
