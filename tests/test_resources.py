"""Rules and scaffolds are found; in a wheel too, as test_packaging.py shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpo_cli import resources

ROOT = Path(__file__).parents[1]


def test_a_checkout_uses_its_own_files():
    assert resources.rules_dir() == ROOT / "rules"
    assert resources.scaffolds_dir() == ROOT / "scaffolds"


def test_a_damaged_installation_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "a" / "b")
    with pytest.raises(FileNotFoundError, match="without its rules"):
        resources.rules_dir()
