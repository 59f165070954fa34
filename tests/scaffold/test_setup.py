"""Where something is missing, setting up says so in one sentence, with the fix.

Both scripts are run whole in a Python that is made to lack the thing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import MINIMAL, generate

ROOT = Path(__file__).parents[2]
OLD_PYTHON = "import sys; sys.version_info = (3, 8, 20, 'final', 0)"
FULL_DISK = "import shutil, types; shutil.disk_usage = lambda _: types.SimpleNamespace(free=2**29)"
NO_VENV = "import sys; sys.executable = 'false'"


@pytest.fixture(scope="module", params=["mlpo", "project"])
def script(request, tmp_path_factory) -> Path:
    """What is run to set up: mlpo's script, or the installer in the wheel of a project."""
    folder = tmp_path_factory.mktemp("a folder")
    if request.param == "project":
        return installer(generate(folder, *MINIMAL).path)
    (folder / "scripts").mkdir()
    return Path(shutil.copy(ROOT / "scripts" / "setup.py", folder / "scripts"))


def installer(project: Path) -> Path:
    (wheel,) = (project / "vendor").glob("*.whl")
    return wheel / "mlpo_kit" / "setup"


def folder_of(script: Path) -> Path:
    """The folder that is set up."""
    return next(p.parent for p in script.parents if p.name in ("scripts", "vendor"))


def run(script: Path, lacking: str) -> subprocess.CompletedProcess[str]:
    code = f"{lacking}\nimport runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=folder_of(script), capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        (OLD_PYTHON, "needs Python 3.10 or newer, and "),
        (FULL_DISK, "0.5 GiB are free at "),
        (NO_VENV, "apt install python3-venv"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_left(script, lacking, sentence):
    done = run(script, lacking)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder_of(script) / ".venv").exists()


@pytest.mark.slow
def test_a_device_that_does_not_exist_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVICE", "tpu")
    done = run(installer(generate(tmp_path, *MINIMAL).path), "")
    assert "DEVICE=tpu is unknown: use cpu or cuda" in done.stderr


@pytest.mark.slow
def test_generating_needs_no_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("USER", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    assert (generate(tmp_path, *MINIMAL).path / "Makefile").exists()
