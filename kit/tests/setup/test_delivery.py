"""The wheel is installed by pip and by uv, from vendor/ alone, and only if it is the locked one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from interpreters import interpreter
from set_up import replace_kit, set_up

from mlpo_kit.setup import vendored

OFFLINE = ["--no-index", "--no-deps", "--find-links", "vendor", "--require-hashes"]
LOCK = ["-r", "requirements-kit.lock"]


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """The Python of an empty environment with pip."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / ".venv")], check=True)
    return tmp_path / ".venv" / "bin" / "python"


def install(tool: str, python: Path, project: Path) -> subprocess.CompletedProcess[str]:
    pip = [str(python), "-m", "pip", "install", "-q"]
    uv = [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-cache", "--python", str(python)]
    command = [*(uv if tool == "uv" else pip), *OFFLINE, *LOCK]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def where_the_kit_is(python: Path, folder: Path) -> str:
    asked = [str(python), "-c", "import mlpo_kit.errors as it; print(it.__file__)"]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_the_lock_is_installed_from_vendor_alone(tool, environment, project, tmp_path):
    done = install(tool, environment, project)
    assert done.returncode == 0, done.stderr
    assert "site-packages" in where_the_kit_is(environment, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_an_altered_wheel_is_refused_by_the_installers_too(tool, environment, project, tmp_path):
    alter(project)
    done = install(tool, environment, project)
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()
    assert where_the_kit_is(environment, tmp_path) == ""


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_a_new_version_replaces_the_installed_one(tool, environment, project, tmp_path):
    assert install(tool, environment, project).returncode == 0
    replace_kit(project, {"src/mlpo_kit/errors.py": b"NEWER = True\n"})
    assert install(tool, environment, project).returncode == 0
    code = "from mlpo_kit.errors import NEWER; print(NEWER)"
    done = subprocess.run([str(environment), "-c", code], capture_output=True, check=False)
    assert done.stdout == b"True\n"


def alter(project: Path) -> None:
    """Replace the wheel by another valid one with the same name."""
    with zipfile.ZipFile(vendored.find_wheel(project), "a") as archive:
        archive.comment = b"not what was locked"


def add_a_second_wheel(project: Path) -> None:
    wheel = vendored.find_wheel(project)
    shutil.copy(wheel, wheel.with_name("mlpo_kit-0.1.0-py3-none-any.whl"))


def name_another_version(project: Path) -> None:
    lock = project / vendored.LOCK
    lock.write_text(lock.read_text().replace("0.2.0.dev0", "0.2.1.dev0"))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            alter,
            "is not the file in requirements-kit.lock: its SHA-256 differs. Restore both with `git",
        ),
        (add_a_second_wheel, "there must be only one wheel of mlpo-kit: keep the one in"),
        (name_another_version, "pins mlpo-kit 0.2.1.dev0+h"),
        (lambda p: (p / vendored.LOCK).unlink(), "does not pin mlpo-kit: pin vendor/"),
        (lambda p: (p / vendored.LOCK).write_text("x==1\n"), "does not pin mlpo-kit: pin vendor/"),
        (lambda p: (p / "pyproject.toml").unlink(), "run this in the project's folder"),
    ],
)
@pytest.mark.parametrize("verb", ["all", "eject"])
def test_a_problem_with_vendor_is_one_sentence_before_anything_is_created(
    verb, spoil, sentence, project
):
    spoil(project)
    done = set_up(project, verb)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (project / ".venv").exists()
    assert not (project / vendored.SOURCES).exists()


def test_a_missing_wheel_is_explained(project, monkeypatch):
    wheel = vendored.find_wheel(project)
    wheel.unlink()
    with pytest.raises(vendored.SetupError, match="no wheel of mlpo-kit: restore the one in "):
        vendored.find_checked_wheel(project)


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9"])
def test_an_old_python_gets_one_sentence(version, project):
    done = set_up(project, python=interpreter(version))
    assert done.returncode == 1
    assert "needs Python 3.10 or newer, and " in done.stderr
    assert f" is {version}. Name another one: make setup PYTHON=python3.11" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_usage_error_is_2_and_help_names_every_verb(project):
    assert set_up(project, "everything").returncode == 2
    assert set_up(project, "eject", "--discard").returncode == 2
    shown = set_up(project, "--help").stdout
    for verb in ("all", "packages", "kit", "lock", "eject", "restore"):
        assert f"\n  {verb} " in shown
