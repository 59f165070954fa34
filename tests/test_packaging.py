"""What is shipped: built, installed where nothing else is, and used from there."""

from __future__ import annotations

import email
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from environments import borrow, environment
from interpreters import interpreter
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from projects import MINIMAL, Project, bare_environment

import mlpo_cli
from mlpo_kit.setup.wheel_builder import write_wheel

ROOT = Path(__file__).parents[1]
SHIPPED = {"src/mlpo_cli": "mlpo_cli", "rules": "mlpo_cli/_data/rules"}
SHIPPED["scaffolds"] = "mlpo_cli/_data/scaffolds"
LEFT_OUT = shutil.ignore_patterns(
    *(".git", ".venv", ".envs", ".*_cache", ".hypothesis", "demo", "*.pyc")
)
UNWANTED = ["src/mlpo_cli/__pycache__/cli.cpython-311.pyc", "scaffolds/core/configs/base.pyc"]
UNWANTED += ["rules/.mlpo-half", "scaffolds/metaflow/.mypy_cache/x", "tests/.pytest_cache/x"]
UNWANTED += ["kit/src/mlpo_kit/__pycache__/errors.pyc", "kit/src/mlpo_kit/.mypy_cache/x"]
INSTALLS = {
    "the locked versions": ["-c", str(ROOT / "requirements-dev.lock")],
    "the lowest versions allowed": ["--resolution", "lowest-direct"],
}


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**bare_environment(), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(source: Path, output: Path, *kinds: str) -> list[Path]:
    """Build distributions with what is installed here; no kind: the sdist, and a wheel of it."""
    run(sys.executable, "-m", "build", "--no-isolation", *kinds, "-o", output, source, cwd=output)
    return sorted(output.iterdir())


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of this checkout that somebody worked in."""
    copy = tmp_path_factory.mktemp("packaging") / "a checkout"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    for name in UNWANTED:
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text("")
    return copy


@pytest.fixture(scope="module")
def built(checkout) -> tuple[Path, Path]:
    """The wheel that was built of the sdist, and the sdist."""
    output = checkout.parent / "dist"
    output.mkdir()
    wheel, sdist = build(checkout, output)
    return wheel, sdist


def contents(wheel: Path) -> dict[str, bytes]:
    """The files in a wheel but its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name
        }


@pytest.mark.slow
def test_the_wheel_holds_the_code_the_rules_the_scaffolds_the_kit_and_nothing_else(
    built, checkout, tmp_path
):
    expected = {
        f"{inside}/{path.relative_to(checkout / folder).as_posix()}": path.read_bytes()
        for folder, inside in SHIPPED.items()
        for path in (checkout / folder).rglob("*")
        if path.is_file() and path.relative_to(checkout).as_posix() not in UNWANTED
    }
    kit = write_wheel(ROOT / "kit", tmp_path)
    expected[f"mlpo_cli/_data/kit/{kit.name}"] = kit.read_bytes()
    assert contents(built[0]) == expected
    assert "mlpo_cli/py.typed" in expected


@pytest.mark.slow
def test_a_wheel_of_the_sdist_is_a_wheel_of_the_checkout(built, checkout, tmp_path):
    (direct,) = build(checkout, tmp_path, "--wheel")
    assert direct.read_bytes() == built[0].read_bytes()


@pytest.mark.slow
def test_the_sdist_holds_what_its_tests_need(built, checkout):
    with tarfile.open(built[1]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert not names & set(UNWANTED)
    folders = ("src", "kit/src", "kit/tests", "rules", "scaffolds", "examples", "docs", "scripts")
    for folder in (*folders, "tests"):
        assert any(name.startswith(f"{folder}/") for name in names), folder
    files = {"Makefile", "README.md", "CONTRIBUTING.md", "pyproject.toml", "requirements-dev.lock"}
    assert files | {"LICENSE", "CHANGELOG.md"} <= names


def test_the_metadata_is_complete_and_true(built):
    with zipfile.ZipFile(built[0]) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        about = email.message_from_bytes(archive.read(name))
    assert (about["Name"], about["Version"]) == ("mlpo", mlpo_cli.__version__)
    assert about["Requires-Python"] == ">=3.10"
    assert about["Summary"]
    assert about["Keywords"]
    assert about["Description-Content-Type"] == "text/markdown"
    assert about.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    classifiers = about.get_all("Classifier")
    assert {"Operating System :: POSIX", "Typing :: Typed"} <= set(classifiers)
    from trove_classifiers import classifiers as known

    assert set(classifiers) <= set(known)


def test_the_licence_is_in_the_wheel_and_the_one_of_the_library(built, tmp_path):
    text = (ROOT / "LICENSE").read_bytes()
    assert b"Apache License" in text
    assert text == (ROOT / "kit" / "LICENSE").read_bytes()
    for wheel in (built[0], write_wheel(ROOT / "kit", tmp_path)):
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            (about,) = (name for name in names if name.endswith("/METADATA"))
            (licence,) = (name for name in names if name.endswith("/LICENSE"))
            assert email.message_from_bytes(archive.read(about))["License-Expression"] == (
                "Apache-2.0"
            )
            assert archive.read(licence) == text


# Licences of packages that software under Apache-2.0 may depend on, as their metadata says them.
PERMISSIVE = re.compile(r"\b(MIT|BSD|ISC|Apache|PSF|MPL|Python Software Foundation|Mozilla)\b")
OTHERS = {
    # GPL 3, which goes together with Apache-2.0. copier installs it; mlpo ships nothing of it.
    "jinja2-ansible-filters"
}


def test_no_package_that_mlpo_installs_has_a_licence_in_conflict_with_its_own():
    found, to_do = {}, ["mlpo"]
    while to_do:
        distribution = metadata.distribution(to_do.pop())
        said = distribution.metadata
        fields = ("License-Expression", "License", "Classifier")
        values = [value for field in fields for value in said.get_all(field, [])]
        licences = [v for v in values if not v.count("::") or v.startswith("License")]
        found[canonicalize_name(said["Name"])] = " ".join(licences)
        for requirement in map(Requirement, distribution.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                to_do += {canonicalize_name(requirement.name)} - found.keys()
    assert "pydantic-core" in found, "the search goes beyond mlpo's own requirements"
    others = {name for name, text in found.items() if not PERMISSIVE.search(text)}
    assert others - {"mlpo"} <= OTHERS


@pytest.fixture(scope="module", params=INSTALLS)
def installed(request, built, tmp_path_factory) -> Path:
    """The Python of an environment with nothing but the wheel, on a path with spaces."""
    folder = tmp_path_factory.mktemp("an empty") / "virtual environment"
    uv = [sys.executable, "-m", "uv"]
    run(*uv, "venv", "-q", "--python", sys.executable, folder, cwd=ROOT)
    python = folder / "bin" / "python"
    install = [*uv, "pip", "install", "-q", "--python", python, *INSTALLS[request.param]]
    run(*install, "-r", ROOT / "pyproject.toml", cwd=ROOT)
    run(*install, "--no-deps", built[0], cwd=ROOT)
    return python


@pytest.mark.slow
def test_an_installed_wheel_does_what_the_checkout_does(installed, tmp_path):
    mlpo = installed.parent / "mlpo"
    assert run(mlpo, "--version", cwd=tmp_path) == f"mlpo {mlpo_cli.__version__}\n"
    recommend = ["recommend", "--answers", ROOT / "examples" / "startup.yaml", "--json"]
    here = [sys.executable, "-m", "mlpo_cli"]
    assert run(mlpo, *recommend, cwd=tmp_path) == run(*here, *recommend, cwd=tmp_path)
    html = [*recommend[:3], "--format", "html"]
    assert run(mlpo, *html, cwd=tmp_path) == run(*here, *html, cwd=tmp_path)
    new = ["new", *MINIMAL, "--orchestrator", "metaflow", "--json"]
    hashes = set()
    for name, command in (("a", [mlpo]), ("b", [installed, "-m", "mlpo_cli"]), ("c", here)):
        (tmp_path / name).mkdir()
        hashes.add(json.loads(run(*command, *new, cwd=tmp_path / name))["tree_hash"])
    assert len(hashes) == 1


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13"])
def test_other_pythons_generate_the_same_tree(built, version, tmp_path):
    uv, python = [sys.executable, "-m", "uv"], tmp_path / "environment" / "bin" / "python"
    run(*uv, "venv", "-q", "--python", interpreter(version), python.parents[1], cwd=tmp_path)
    locked = INSTALLS["the locked versions"]
    run(*uv, "pip", "install", "-q", "--python", python, *locked, built[0], cwd=tmp_path)
    new = ["-m", "mlpo_cli", "new", *MINIMAL, "--orchestrator", "metaflow", "--dry-run", "--json"]
    theirs, ours = (json.loads(run(one, *new, cwd=tmp_path)) for one in (python, sys.executable))
    assert theirs["tree_hash"] == ours["tree_hash"]


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("installed", list(INSTALLS)[:1], indirect=True)
def test_what_an_installed_wheel_generates_runs(installed, tmp_path, tmp_path_factory):
    new = ["new", *MINIMAL, "--orchestrator", "metaflow", "--json"]
    made = run(installed.parent / "mlpo", *new, cwd=tmp_path)
    project = Project(Path(json.loads(made)["path"]))
    lent = borrow(project, environment("metaflow", tmp_path_factory))
    project.make("run", "ARGS=--set train.epochs=2", **lent)
    assert project.latest()["model"]["version"] == 1


@pytest.mark.slow
@pytest.mark.full
def test_the_fast_tests_pass_in_an_unpacked_sdist(built, tmp_path):
    with tarfile.open(built[1]) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    run("make", "setup", "lint", "test-fast", cwd=unpacked)
