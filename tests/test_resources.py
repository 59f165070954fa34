"""Rules and scaffolds are found from a checkout and from a wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mlpo_cli import resources

ROOT = Path(__file__).parents[1]


def test_a_checkout_uses_its_own_files():
    assert resources.rules_dir() == ROOT / "rules"
    assert resources.scaffolds_dir() == ROOT / "scaffolds"


def test_a_wheel_carries_its_own_files(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("mlpo-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    answers = ROOT / "examples" / "startup.yaml"
    ran = subprocess.run(
        [sys.executable, "-m", "mlpo_cli", "recommend", "--answers", str(answers)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Metaflow")
    shipped = {p.name for p in (tmp_path / "site/mlpo_cli/_data").iterdir()}
    assert shipped == {"rules", "scaffolds"}


def test_a_damaged_installation_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "a" / "b")
    with pytest.raises(FileNotFoundError, match="without its rules"):
        resources.rules_dir()
