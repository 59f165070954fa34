"""Fixtures for the setup tests: the kit's wheel, and a project that has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from set_up import KIT

from mlpo_kit.setup import vendored, wheel_builder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit's wheel."""
    return wheel_builder.write_wheel(KIT, tmp_path_factory.mktemp("a wheel"))


@pytest.fixture
def project(wheel: Path, tmp_path: Path) -> Path:
    """A project with the wheel in vendor/, pinned; on a path with a space."""
    folder = tmp_path / "a project"
    (folder / "vendor").mkdir(parents=True)
    (folder / "vendor" / wheel.name).write_bytes(wheel.read_bytes())
    (folder / "pyproject.toml").write_text('[project]\nname = "empty"\nversion = "1"\n')
    (folder / "requirements-kit.lock").write_text(vendored.make_pin(wheel))
    return folder
