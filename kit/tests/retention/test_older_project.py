"""The files of an older project in a store are shown in a plan and never touched.

An older project, which held the kit's sources, wrote the store in tests/data; its large payloads
were replaced by zeros.
"""

from __future__ import annotations

import json
import os
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun

from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.models.registry import open_registry
from mlpo_kit.retention import view
from mlpo_kit.retention.inventory import gather_facts
from mlpo_kit.retention.marks import keep_run
from mlpo_kit.retention.prune import apply_plan, may_drop, plan_prune
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.records import is_of_older_project
from mlpo_kit.runs.summary import refresh_latest
from mlpo_kit.search.view import read_outcome

STORE = Path(__file__).parents[1] / "data" / "older-project.tar.xz"
RUN = "1795890303807212"
STRICT = {
    "caching": {"max_age_days": 1e-9},
    "retention": {
        "keep_last": 1,
        "keep_days": 1e-8,
        "keep_failed_days": 1e-9,
        "max_gib": 1e-9,
        "keep_versions": 1,
        "max_run_hours": 1e-9,
    },
}


@pytest.fixture
def older(toy: Project) -> dict[str, bytes]:
    """The files of an older project, a month old, in the small project's store."""
    with tarfile.open(STORE) as archive:
        archive.extractall(toy.root, filter="data")
    folder = toy.root / "checkpoints" / ("a" * 64)
    folder.mkdir(parents=True)
    (folder / f"{RUN}-3-120.pt").write_bytes(b"0" * 999)
    index = {"run_id": RUN, "newest_first": [{"uri": "store://x", "sha256": "", "size": 1}]}
    (folder / "index.json").write_text(json.dumps(index))
    (toy.root / "checkpoints" / RUN).mkdir()
    (toy.root / "checkpoints" / RUN / "state").write_bytes(b"0")
    month_ago = time.time() - 30 * 86400
    for path in toy.root.rglob("*"):
        os.utime(path, (month_ago, month_ago))
    return read_files(toy.root)


def read_files(root: Path) -> dict[str, bytes]:
    """Read all files in the folders that an older project writes to, without the newest summary."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for name in ("runs", "cache", "checkpoints", "registry/artifacts")
        for path in (root / name).rglob("*")
        if path.is_file() and path.name not in (".lock", "latest.json")
    }


def delete_runs(settings: Any, run_ids: Any) -> None:
    assert RUN not in run_ids


def find_kept_runs(settings: Any) -> tuple[str, ...]:
    return ()


@pytest.mark.slow
def test_a_prune_neither_touches_nor_counts_an_older_projects_files(
    older: dict[str, bytes], make_run: MakeRun
) -> None:
    for number in range(1, 5):  # the rows differ, so they share nothing
        run_pipeline(make_run(str(number), ingest={"rows": 100 + 10 * number}))
    settings = make_run(**STRICT).settings
    plan = apply_plan(settings, delete_runs, find_kept_runs)
    assert set(plan.newly_pruned) == {"1", "2", "3"}
    assert [run.id for run in plan.older] == [RUN]
    left = read_files(settings.local_root)
    assert {name: left.get(name) for name in older} == older
    assert not [name for name in left if name.startswith("runs/1/train/")]
    assert not [name for name in plan.entries if Path(name).name in map(os.path.basename, older)]
    assert open_registry(settings).list_versions()[0].name == "toy"  # none of `pets`
    assert plan_prune(settings, find_kept_runs).is_empty
    assert not may_drop(settings)
    facts = gather_facts(make_run().store)
    assert RUN not in {run.id for run in facts.runs}
    assert not facts.checkpoints


def test_a_plan_shows_an_older_projects_run_with_the_reason(
    older: dict[str, bytes], make_run: MakeRun
) -> None:
    plan = plan_prune(make_run(**STRICT).settings, find_kept_runs)
    text = view.format_plan(plan, False, time.time())
    row = next(line for line in text.splitlines() if line.startswith(RUN))
    assert row.split()[1:4] == ["30", "d", "older"]
    assert row.endswith("left alone  written by an older project")
    assert "to prune: nothing; 0 B of 0 B" in text
    (shown,) = view.to_document(plan, False)["older"]
    assert (shown["id"], shown["reason"]) == (RUN, "written by an older project")
    assert plan.is_empty


def test_an_older_projects_run_can_be_neither_marked_nor_summarized(
    older: dict[str, bytes], make_run: MakeRun
) -> None:
    store = make_run().store
    latest = store.read("runs/latest.json")
    with pytest.raises(PipelineError, match="was written by an older project: its files are never"):
        keep_run(store, RUN)
    assert is_of_older_project(store, RUN)
    assert refresh_latest(store, load_pipeline()) is None
    assert store.read("runs/latest.json") == latest
    assert read_outcome(store, RUN) is None


def test_a_run_that_lost_its_records_stays_while_an_older_run_names_it(
    older: dict[str, bytes], make_run: MakeRun, toy: Project
) -> None:
    """The older run reused a result of run 179, whose records are damaged."""
    record = toy.root / "runs" / RUN / "train.json"
    document = json.loads(record.read_text())
    document["outputs"]["model"]["uri"] = "store://runs/179/train/model.safetensors"
    record.write_text(json.dumps(document))
    weights = toy.root / "runs" / "179" / "train" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    stray = toy.root / "runs" / "lost" / "train" / "model.safetensors"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"weights")
    plan = apply_plan(make_run(**STRICT).settings, delete_runs, find_kept_runs)
    assert {run.id for run in plan.older} == {RUN, "179"}
    assert weights.exists()
    assert not stray.exists()


def test_an_older_projects_tombstones_stay(older: dict[str, bytes], make_run: MakeRun) -> None:
    store = make_run().store
    stone = f"retention/pruned/{RUN}.json"
    store.write_json(stone, {"pruned": 1.0, "forgotten": False})
    apply_plan(make_run(**STRICT).settings, delete_runs, find_kept_runs)
    assert store.read_json(stone) == {"pruned": 1.0, "forgotten": False}
