"""The champion, read from MLflow's file as MLflow itself wrote it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeRun

from mlpo_kit.models.champion import Champion, read_champion
from mlpo_kit.models.registry import Registry, open_registry
from mlpo_kit.models.tracking import Lineage, connect
from mlpo_kit.store import Ref

JUDGE = """
import sys
from mlpo_kit import Run
from mlpo_kit.config import load_settings
from mlpo_kit.models.promotion import judge_candidate
verdict = judge_candidate(Run("2", "none", load_settings()), {"accuracy": 0.8})
print(verdict.champion, "mlflow" in sys.modules)
"""
pytestmark = pytest.mark.usefixtures("registry")


@pytest.mark.slow
def test_the_champion_is_the_one_that_the_registry_names(make_run: MakeRun) -> None:
    run = make_run()
    root = run.settings.local_root
    registry = Registry("toy", root)
    assert read_champion("toy", root) is None
    lineage = Lineage("1", "", "", {}, {}, [])
    for number in (1, 2):
        model = Ref("store://runs/1/train/model.json", str(number), 1)
        version = registry.register(model, lineage, "accuracy", number / 10)
        earlier = read_champion("toy", root)
        assert (earlier.number if earlier else 0) == number - 1
        registry.promote(version.number)
        champion = registry.champion()
        assert champion is not None
        read = read_champion("toy", root)
        assert read == Champion(champion.number, champion.metric, champion.value)
        assert read == Champion(number, "accuracy", number / 10)
    assert read_champion("other", root) is None


@pytest.mark.slow
def test_a_candidate_is_judged_without_mlflow(make_run: MakeRun) -> None:
    run = make_run()
    registry = open_registry(run.settings)
    model = Ref("store://runs/1/train/model.json", "1", 1)
    lineage = Lineage("1", "", "", {}, {}, [])
    registry.promote(registry.register(model, lineage, "accuracy", 0.7).number)
    path = [str(run.settings.local_root / "src"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", JUDGE],
        cwd=run.settings.local_root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["0.7", "False"]


def test_a_version_of_another_tool_is_no_champion(make_run: MakeRun) -> None:
    root = make_run().settings.local_root
    client = connect(root / "registry")
    client.create_registered_model("toy")
    client.create_model_version("toy", "file:///model", tags={"metric": "accuracy", "value": "1"})
    client.set_registered_model_alias("toy", "champion", "1")
    assert Registry("toy", root).champion() is None
    assert read_champion("toy", root) is None


def test_only_mlflow_can_read_a_server_or_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_champion("toy", tmp_path) is None
    file = tmp_path / "registry" / "mlflow.db"
    file.parent.mkdir()
    for content in (b"no database" * 100, b""):  # SQLite leaves empty files without tables
        file.write_bytes(content)
        with pytest.raises(LookupError):
            read_champion("toy", tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with pytest.raises(LookupError):
        read_champion("toy", tmp_path)
