"""A prune of a store without locks announces what it will delete; a later prune deletes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun

from mlpo_kit.config.project import Project
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.models.registry import open_registry
from mlpo_kit.retention.prune import apply_plan
from mlpo_kit.runs.summary import summarize
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store.bucket import BucketStore

STRICT = {
    "caching": {"max_age_days": 1e-7},
    "retention": {"keep_last": 1, "keep_days": 1e-6, "keep_versions": 1},
}


@pytest.fixture
def memory_url(tmp_path: Path) -> str:
    """The URL of a bucket in memory, which needs no server."""
    return f"memory://{tmp_path.name}/bucket"


@pytest.fixture(params=["memory_url", pytest.param("s3_url", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def list_keys(run: Run) -> list[str]:
    return sorted(item.key for item in run.store.files("runs"))


@pytest.mark.slow
def test_pruned_runs_are_announced_first_and_deleted_later(
    url: str, make_run: MakeRun, toy: Project, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(run_id: str, seed: int) -> Run:
        # The first stages are reused from run-0; each run trains anew.
        return make_run(run_id, storage_root=url, train={"seed": seed, "epochs": 3 + seed})

    for number in range(4):
        run_pipeline(make(f"run-{number}", number))
    assert not (toy.root / "runs").exists()  # nothing was written to this machine's disk
    forgotten: list[str] = []
    strict = make_run("x", storage_root=url, **STRICT)

    def forget(_: Any, run_ids: Any) -> None:
        forgotten.extend(run_ids)

    before = list_keys(strict)
    monkeypatch.setattr(BucketStore, "grace", 3600.0)
    plan = apply_plan(strict.settings, forget, lambda _: ())
    assert (forgotten, [run.run_id for run in plan.losing_files]) == ([], [])
    assert list_keys(strict) == before
    assert plan.entries  # the cache entries are deleted first

    monkeypatch.setattr(BucketStore, "grace", 0.0)
    apply_plan(strict.settings, forget, lambda _: ())
    assert forgotten == ["run-0", "run-1", "run-2"]
    left = list_keys(strict)
    assert not [key for key in left if key.startswith("runs/run-1/train/")]
    assert "runs/run-2/train/model.json" in left  # the previous champion
    assert "runs/run-0/preprocess/splits.json" in left  # run-3 reused it
    assert "runs/run-0/evaluate/evaluation.json" not in left
    champion = open_registry(strict.settings).champion()
    assert champion is not None
    strict.store.check(champion.model)

    last = make("run-4", 5)
    run_pipeline(last)
    assert summarize(last.store, last.pipeline, "run-4")["status"] == "completed"
