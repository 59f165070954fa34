"""Samples are stored once, by whoever made them; what comes after has their row numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scaffold import MakeRun, forget_project

from mlpo_kit.config.project import Project
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.reports.page import build_report
from mlpo_kit.runs.records import read_record
from mlpo_kit.runs.workspace import Run
from mlpo_kit.training.splits import open_splits

SCALED = """    scaled = work.path("scaled.safetensors")
    save_arrays(scaled, {"x": x.astype(np.float32) / 255, "y": y}, {"classes": classes})
    dataset = work.ref("scaled.safetensors")
    x = map_arrays(work.open(dataset))["x"]
    mean, std ="""


def make_table(folder: Path) -> dict[str, Any]:
    """A source of 1 MiB, which is far more than a small network has."""
    y = np.arange(4096) % 4
    x = np.random.default_rng(0).normal(size=(4096, 64)).astype(np.float32) + y[:, None]
    np.savez(folder / "rows.npz", x=x, y=y)
    return {"source": "table", "path": str(folder / "rows.npz")}


def measure_files(run: Run) -> dict[str, int]:
    return {item.key: item.size for item in run.store.files("runs")}


@pytest.mark.slow
@pytest.mark.parametrize("storage", [".", "memory://samples/bucket"])
def test_a_run_stores_its_samples_once(
    make_project_run: MakeRun, tmp_path: Path, storage: str
) -> None:
    small = {"epochs": 1, "model": {"width": 4, "blocks": [1]}}
    source = make_table(tmp_path)
    run = make_project_run("1", ingest=source, train=small, storage_root=storage)
    results = run_pipeline(run, last="evaluate")
    raw, splits = results["ingest"].dataset, results["preprocess"].splits
    assert results["preprocess"].dataset == raw
    sizes = measure_files(run)
    assert max(sizes.values()) == sizes[raw.key] == raw.size
    assert splits.size < 4096 * 8 + 4096  # a number for each row, and the note
    assert sum(sizes.values()) < 1.2 * raw.size, sizes
    assert build_report(run.store, run.id).count(raw.uri) == 1  # by the stage that made it

    # Another split, in another run: again no copy.
    other = make_project_run(
        "2", ingest=source, train=small, storage_root=storage, preprocess={"seed": 8}
    )
    run_pipeline(other, last="evaluate")
    assert sum(measure_files(other).values()) < 1.4 * raw.size


@pytest.mark.slow
def test_another_split_is_trained_on_anew_and_the_same_one_is_not(
    make_project_run: MakeRun,
) -> None:
    def find_caches(run_id: str, seed: int) -> list[str]:
        train = {"epochs": 1, "model": {"width": 4, "blocks": [1]}}
        run = make_project_run(run_id, train=train, preprocess={"seed": seed})
        run_pipeline(run, last="train")
        names = ("ingest", "preprocess", "train")
        records = [read_record(run.store, run_id, name) for name in names]
        return [record.cache for record in records if record is not None]

    assert find_caches("1", 7) == ["miss", "miss", "miss"]
    assert find_caches("2", 8) == ["hit", "miss", "miss"]
    assert find_caches("3", 7) == ["hit", "hit", "hit"]


@pytest.mark.slow
def test_a_stage_that_transforms_samples_hands_on_a_file_of_its_own(
    project: Project, make_project_run: MakeRun
) -> None:
    """Nothing after it changes."""
    path = project.root / "src" / "pets" / "stages" / "preprocess.py"
    text = path.read_text().replace("    mean, std =", SCALED)
    path.write_text(text.replace("import load_note, map", "import load_note, save_arrays, map"))
    forget_project()
    run = make_project_run("1", train={"epochs": 1})
    results = run_pipeline(run, last="evaluate")
    prepared = results["preprocess"]
    assert prepared.dataset.key == "runs/1/preprocess/scaled.safetensors"
    splits, note = open_splits(run.store.open(prepared.dataset), run.store.open(prepared.splits))
    assert splits["train"].read_samples().max() == 1
    assert 0 < note["mean"][0] < 1
    assert results["evaluate"].metrics["accuracy"] > 0.2
