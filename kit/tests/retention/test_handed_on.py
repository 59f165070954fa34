"""An input that a stage returns as an output (`preprocess`: the dataset) stays with its result."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import MakeRun

from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.retention.inventory import gather_facts
from mlpo_kit.retention.prune import apply_plan
from mlpo_kit.runs.records import read_record
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store.bucket import BucketStore

# The size limit removes all completed runs except the last.
STRICT = {"retention": {"keep_last": 1, "max_gib": 1e-9, "keep_versions": 1}}
DATASET = "runs/first/ingest/numbers.json"


def prune(run: Run) -> set[str]:
    """Prune; returns the keys that are left in the runs."""
    apply_plan(run.settings, lambda _settings, _runs: None, lambda _: ())
    return {item.key for item in run.store.files("runs")}


@pytest.mark.slow
@pytest.mark.parametrize("storage", [".", "memory://handed/bucket"])
def test_a_dataset_stays_while_a_later_run_uses_its_splits(
    storage: str, make_run: MakeRun, registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(run_id: str, seed: int, **sections: Any) -> Run:
        train = {"seed": seed, "epochs": 2 + seed}
        return make_run(run_id, storage_root=storage, train=train, **sections)

    monkeypatch.setattr(BucketStore, "grace", 0.0)
    run_pipeline(make("first", 1))
    # This run reads its source again, so that it reaches the dataset only through the splits.
    later = make("later", 2, caching={"always_run": ["ingest"]})
    results = run_pipeline(later)
    assert results["ingest"].dataset.key == "runs/later/ingest/numbers.json"
    assert results["preprocess"].dataset.key == DATASET

    strict = make("x", 1, **STRICT)
    prune(strict)
    left = prune(strict)  # in a bucket the second prune deletes what the first one announced
    assert "runs/first/evaluate/evaluation.json" not in left
    assert {DATASET, "runs/first/preprocess/splits.json"} <= left

    # Two more runs train on the later run's data: both read the samples.
    for run_id, seed in (("resumed", 3), ("next", 4)):
        run = make(run_id, seed)
        trained = run_pipeline(run)["train"]
        record = read_record(run.store, run_id, "train")
        assert record is not None
        assert (record.state, record.inputs["dataset"].key) == ("completed", DATASET)
        run.store.check(trained.model)


@pytest.mark.slow
def test_the_size_of_a_dataset_counts_for_the_stage_that_made_it(
    make_run: MakeRun, registry: Any
) -> None:
    run = make_run("1")
    results = run_pipeline(run)
    (facts,) = gather_facts(run.store).runs
    assert facts.sizes["ingest"] == results["ingest"].dataset.size
    assert facts.sizes["preprocess"] == results["preprocess"].splits.size
    assert sum(facts.sizes.values()) == sum(
        item.size for item in run.store.files("runs/1") if item.key.count("/") > 2
    )


def test_splits_whose_dataset_is_gone_are_not_reused(make_run: MakeRun) -> None:
    first = make_run("first")
    run_pipeline(first, last="preprocess")
    first.store.delete([DATASET])
    again = make_run("again")
    prepared = run_pipeline(again, last="train")["preprocess"]
    assert prepared.dataset.key == "runs/again/ingest/numbers.json"
    record = read_record(again.store, "again", "preprocess")
    assert record is not None
    assert "is not in the store" in str(record.cache_reason)
