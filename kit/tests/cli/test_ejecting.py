"""`mlpo-kit eject` and `restore`, from anywhere in a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.project import Project
from mlpo_kit.setup import vendored, wheel_builder

KIT = Path(__file__).parents[2]


def test_restore_deletes_the_ejected_sources_and_edited_ones_only_with_discard(
    toy: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy.root / vendored.VENDOR).mkdir()
    wheel = wheel_builder.write_wheel(KIT, toy.root / vendored.VENDOR)
    (toy.root / vendored.LOCK).write_text(vendored.make_pin(wheel))
    monkeypatch.chdir(toy.root / "src")

    assert main(["eject"]) == 0
    readme = toy.root / vendored.SOURCES / "README.md"
    assert readme.is_file()
    readme.write_text("edited")
    assert main(["restore"]) == 1
    assert "add --discard" in capsys.readouterr().err
    assert main(["restore", "--discard"]) == 0
    assert not (toy.root / vendored.SOURCES).exists()
