"""Eject the kit's sources into the project, and restore the wheel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from set_up import KIT, set_up

from mlpo_kit.setup import environment, install, vendored, wheel_builder

SOURCES = Path("vendor") / "mlpo-kit"


@pytest.fixture
def ready(project: Path) -> Path:
    """A project whose environment is ready."""
    (project / ".venv").mkdir()
    (project / ".venv" / "ready").touch()
    return project


def test_ejected_sources_build_the_same_wheel(ready, wheel, tmp_path):
    done = set_up(ready, "eject")
    assert done.returncode == 0, done.stderr
    again = wheel_builder.write_wheel(ready / SOURCES, tmp_path / "dist")
    assert (again.name, again.read_bytes()) == (wheel.name, wheel.read_bytes())
    for name in ("pyproject.toml", "README.md", "LICENSE", "src/mlpo_kit/errors.py"):
        assert (ready / SOURCES / name).read_bytes() == (KIT / name).read_bytes()
    assert sorted(path.name for path in (ready / "vendor").iterdir()) == ["mlpo-kit", wheel.name]
    assert not (ready / ".venv" / "ready").exists()  # the next `make` sets up


def test_ejecting_twice_keeps_edits(ready):
    set_up(ready, "eject")
    edited = ready / SOURCES / "src/mlpo_kit/errors.py"
    edited.write_text("mine")
    done = set_up(ready, "eject")
    assert done.returncode == 1
    assert "are in vendor/mlpo-kit already: edit them there" in done.stderr
    assert edited.read_text() == "mine"


def test_restoring_deletes_unedited_sources(ready, wheel):
    set_up(ready, "eject")
    cache = ready / SOURCES / "src/mlpo_kit/__pycache__/errors.cpython-311.pyc"
    cache.parent.mkdir()
    cache.write_text("")
    (ready / ".venv" / "ready").touch()
    done = set_up(ready, "restore")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (ready / "vendor").iterdir()] == [wheel.name]
    assert not (ready / ".venv" / "ready").exists()


@pytest.mark.slow
@pytest.mark.parametrize("change", ["edited", "added", "removed"])
def test_restoring_deletes_edits_only_with_discard(change, ready):
    set_up(ready, "eject")
    path = ready / SOURCES / "src/mlpo_kit/errors.py"
    if change == "added":
        path = path.with_name("mine.py")
    path.unlink(missing_ok=True)
    if change != "removed":
        path.write_text("mine")
    done = set_up(ready, "restore")
    assert done.returncode == 1
    assert f"differs from the wheel in src/mlpo_kit/{path.name}: keep a copy" in done.stderr
    assert (ready / SOURCES).is_dir()
    assert set_up(ready, "restore", "--discard").returncode == 0
    assert not (ready / SOURCES).exists()


def test_restoring_without_ejected_sources_is_an_error(ready):
    done = set_up(ready, "restore")
    assert done.returncode == 1
    assert "were not ejected" in done.stderr


@pytest.mark.slow
def test_the_installer_switches_to_the_sources_and_back_to_the_wheel(project, monkeypatch):
    """Both have the same version: an installer that compares versions would not switch."""
    subprocess.run([sys.executable, "-m", "venv", str(project / ".venv")], check=True)
    python = environment.locate_python(project)
    uv = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", str(python)]
    monkeypatch.setattr(install, "make_install_command", lambda _: uv)  # without a download

    def installed() -> str:
        install.install_kit(project)
        asked = [str(python), "-c", "import mlpo_kit.errors as it; print(it.__file__)"]
        done = subprocess.run(asked, cwd=project, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert "site-packages" in installed()
    assert list((project / ".venv").rglob("mlpo_kit/__pycache__/errors.*.pyc"))
    set_up(project, "eject")
    assert installed() == str(project / SOURCES / "src/mlpo_kit/errors.py")
    set_up(project, "restore")
    assert "site-packages" in installed()
    assert vendored.find_sources(project) is None
