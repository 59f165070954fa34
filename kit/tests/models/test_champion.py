"""The champion's number, read from MLflow's file as MLflow itself wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRun

from mlpo_kit.models.champion import find_champion_number
from mlpo_kit.models.registry import Registry
from mlpo_kit.models.tracking import Lineage
from mlpo_kit.store import Ref

pytestmark = pytest.mark.usefixtures("registry")


@pytest.mark.slow
def test_the_champion_is_the_one_that_the_registry_names(make_run: MakeRun) -> None:
    run = make_run()
    root = run.settings.local_root
    registry = Registry("toy", root)
    assert find_champion_number("toy", root) == 0
    lineage = Lineage("1", "", "", {}, {}, [])
    for number in (1, 2):
        model = Ref("store://runs/1/train/model.json", str(number), 1)
        version = registry.register(model, lineage, "accuracy", 0.9)
        registry.promote(version.number)
        champion = registry.champion()
        assert champion is not None
        assert find_champion_number("toy", root) == champion.number == number
    assert find_champion_number("other", root) == 0


def test_a_server_or_a_damaged_file_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_champion_number("toy", tmp_path) == 0
    file = tmp_path / "registry" / "mlflow.db"
    file.parent.mkdir()
    file.write_bytes(b"no database" * 100)
    assert find_champion_number("toy", tmp_path) is None
    file.write_bytes(b"")  # as SQLite leaves a database without tables
    assert find_champion_number("toy", tmp_path) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert find_champion_number("toy", tmp_path) is None
