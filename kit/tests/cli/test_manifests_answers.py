"""The answers of the cluster verbs that need no cluster."""

from __future__ import annotations

import json
from pathlib import Path

import inprocess_adapter
import pytest

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.project import Project


@pytest.fixture(autouse=True)
def adapter(toy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess_adapter.install(monkeypatch, toy)


def test_manifests_prints_the_paths_of_the_files(
    toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["manifests", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert str(toy.root / "build" / "manifests" / "own.yaml") in files
    assert main(["manifests"]) == 0
    assert capsys.readouterr().out.splitlines() == files
    assert all(Path(file).is_file() for file in files)


def test_a_profile_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifests", "--profile", "clutser", "--json"]) == 1
    written = capsys.readouterr()
    assert "there is no profile 'clutser'" in json.loads(written.out)["error"]
    assert written.err.startswith("error: there is no profile 'clutser'")
