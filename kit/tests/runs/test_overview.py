"""What is read of all runs: each file once, and nothing that is damaged stops it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from many_runs import NOON, STAGES, write_run, write_start
from test_records import OLDER, OLDER_RUN

from mlpo_kit import Pipeline, load_pipeline
from mlpo_kit.config.project import Project
from mlpo_kit.runs.overview import READERS, Overviews, RunOverview, read_overviews
from mlpo_kit.runs.records import Record, write_record
from mlpo_kit.runs.summary import summarize
from mlpo_kit.store.folder import FolderStore


class CountingStore(FolderStore):
    """A store that counts how often each file is read."""

    def __init__(self, root: Path, grace: float = 0) -> None:
        super().__init__(root)
        self.reads: Counter[str] = Counter()
        self.grace = grace  # a bucket has one

    def read(self, key: str) -> bytes:
        self.reads[key] += 1
        return super().read(key)


@pytest.fixture
def pipeline(toy: Project) -> Pipeline:
    return load_pipeline()


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "store")


def read_one(store: FolderStore, pipeline: Pipeline) -> RunOverview:
    (run,) = read_overviews(store, pipeline).runs
    return run


def test_a_run_is_described_as_its_summary_describes_it(
    store: CountingStore, pipeline: Pipeline
) -> None:
    write_run(store, "1", version=3, train={"epochs": 7})
    run, summary = read_one(store, pipeline), summarize(store, pipeline, "1")
    assert run.status == summary["status"] == "completed"
    assert run.metrics == summary["metrics"] == {"accuracy": 0.9, "log_loss": 0.25}
    assert (run.device, run.dataset) == (summary["device"], summary["dataset"]["version"])
    assert (run.version, run.alias) == (3, "champion")
    assert (run.started, run.seconds) == (NOON, 7.0)
    assert run.settings["train.epochs"] == 7
    assert run.settings["train.model.width"] == 8
    assert run.values["train.val_loss"] == pytest.approx(0.1)
    assert not run.has_start


def test_what_a_run_started_from_has_the_settings_of_all_sections(
    store: CountingStore, pipeline: Pipeline
) -> None:
    write_run(store, "1", last="ingest", state="failed", reason="no data")
    write_start(
        store,
        "1",
        {"project": "toy", "train": {"epochs": 9}},
        started=NOON - 5,
        commit="abc",
        is_clean=False,
        kit="0.2",
        unknown=1,
    )
    run = read_one(store, pipeline)
    assert run.settings == {"project": "toy", "train.epochs": 9}
    assert (run.status, run.reason) == ("failed", "no data")
    assert (run.started, run.commit, run.is_clean, run.kit) == (NOON - 5, "abc", False, "0.2")


def test_a_run_that_started_no_stage_is_incomplete(
    store: CountingStore, pipeline: Pipeline
) -> None:
    write_start(store, "1", {"train": {"epochs": 9}})
    run = read_one(store, pipeline)
    assert (run.status, run.metrics, run.seconds, run.stages) == ("incomplete", {}, None, {})


def test_a_stage_whose_process_is_dead_is_killed(store: CountingStore, pipeline: Pipeline) -> None:
    record = write_run(store, "1", last="train")["train"]
    write_record(store, replace(record, state="running", ended=None))
    run = read_one(store, pipeline)
    assert (run.status, run.seconds) == ("killed", None)
    with store.stage_lock("1", "train"):
        assert read_one(store, pipeline).status == "running"


def test_trials_follow_their_run(store: CountingStore, pipeline: Pipeline) -> None:
    write_run(store, "1", started=NOON)
    record = write_run(store, "2", started=NOON + 100)["train"]
    for number, epochs in ((2, 4), (10, 6)):
        settings = {**record.settings, "epochs": epochs}
        values = {"val_loss": 1 / epochs, "device": "cpu"}
        trial = replace(record, stage=f"train-{number}", settings=settings, values=values)
        write_record(store, trial)
    store.write_json("runs/2/sweep.json", {"metric": "val_loss"})
    runs = read_overviews(store, pipeline, with_trials=True).runs
    assert [run.sweep_metric for run in runs] == [None, *["train.val_loss"] * 2, None]
    assert [(run.run_id, run.trial) for run in runs] == [
        ("2", None),
        ("2", "train-2"),
        ("2", "train-10"),
        ("1", None),
    ]
    assert [run.settings["train.epochs"] for run in runs] == [3, 4, 6, 3]
    assert runs[1].values == {"train.val_loss": 0.25, "train.device": "cpu"}
    assert runs[1].settings["register.min_accuracy"] == 0.5
    assert not any(run.trial for run in read_overviews(store, pipeline).runs)


def test_a_resumed_run_starts_with_its_own_first_stage(
    store: CountingStore, pipeline: Pipeline
) -> None:
    for record in write_run(store, "2", started=NOON + 1000).values():
        if record.stage in STAGES[:3]:
            write_record(store, replace(record, started=NOON, ended=NOON + 1, taken_from="1"))
    run = read_one(store, pipeline)
    assert (run.started, run.seconds) == (NOON + 1003, 4.0)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"1", b"{}", b"\xff\xfe"])
def test_a_damaged_record_is_named_and_the_rest_is_listed(
    store: CountingStore, pipeline: Pipeline, content: bytes
) -> None:
    write_run(store, "1")
    write_run(store, "2", started=NOON - 10)
    store.write("runs/1/evaluate.json", content)
    overviews = read_overviews(store, pipeline)
    assert [(run.run_id, run.status) for run in overviews.runs] == [
        ("1", "incomplete"),
        ("2", "completed"),
    ]
    assert overviews.problems == ("can't be read, damaged: 1 file (runs/1/evaluate.json)",)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"run_id": "1"}', b'{"settings": 3}'])
def test_a_damaged_run_json_is_named(
    store: CountingStore, pipeline: Pipeline, content: bytes
) -> None:
    write_run(store, "1")
    store.write("runs/1/run.json", content)
    overviews = read_overviews(store, pipeline)
    assert overviews.runs[0].settings["train.epochs"] == 3
    assert overviews.problems == ("can't be read, damaged: 1 file (runs/1/run.json)",)


def test_other_files_of_a_run_are_no_problem(store: CountingStore, pipeline: Pipeline) -> None:
    write_run(store, "1")
    for name, document in (("sweep", {"metric": "x"}), ("tracking", {"closed": True}), ("new", [])):
        store.write_json(f"runs/1/{name}.json", document)
    store.write("runs/1/keep", b"")
    store.write("runs/1/train/model.json", b"{")
    store.write("runs/latest.json", b"{")
    store.write("runs/2/train/model.json", b"{}")  # all that is left of a run
    overviews = read_overviews(store, pipeline)
    assert ([run.run_id for run in overviews.runs], overviews.problems) == (["1"], ())


def test_runs_of_older_projects_and_other_kits_are_counted(
    store: CountingStore, pipeline: Pipeline
) -> None:
    write_run(store, "1")
    for path in (OLDER / "runs" / OLDER_RUN).glob("*.json"):
        store.write(f"runs/{OLDER_RUN}/{path.name}", path.read_bytes())
    for number in range(5):
        document = {"stage": "train", "state": "done", "schema_version": 3}
        store.write_json(f"runs/newer-{number}/train.json", document)
    overviews = read_overviews(store, pipeline)
    assert [run.run_id for run in overviews.runs] == ["1"]
    assert overviews.problems == (
        f"left out, written by an older project: 1 run ({OLDER_RUN})",
        "left out, written by another version of mlpo-kit: 5 runs (newer-0, newer-1, newer-2, ...)",
    )


def test_no_run_is_no_problem(store: CountingStore, pipeline: Pipeline) -> None:
    assert read_overviews(store, pipeline) == Overviews(())


def test_a_record_without_the_stages_of_its_pipeline_is_listed(
    store: CountingStore, pipeline: Pipeline
) -> None:
    write_record(store, Record("1", "test", "train", "failed", NOON, "", reason="no"))
    assert read_one(store, pipeline).status == "failed"


@pytest.mark.slow
@pytest.mark.full
def test_of_a_thousand_runs_each_file_is_read_once(
    store: CountingStore, pipeline: Pipeline
) -> None:
    for number in range(1000):
        write_run(store, f"run-{number}", NOON + number, train={"epochs": number % 7})
        write_start(store, f"run-{number}", {"train": {"epochs": number % 7}}, NOON + number)
    runs = read_overviews(store, pipeline).runs
    assert [run.run_id for run in runs] == [f"run-{number}" for number in reversed(range(1000))]
    assert len(store.reads) == 1000 * (len(STAGES) + 1)
    assert set(store.reads.values()) == {1}


def test_runs_in_a_bucket_are_read_several_at_a_time(tmp_path: Path, pipeline: Pipeline) -> None:
    store = CountingStore(tmp_path / "store", grace=3600)
    for number in range(2 * READERS):
        write_run(store, f"run-{number}", NOON + number, last="ingest")
    slow, fast = read_overviews(store, pipeline), read_overviews(FolderStore(store.root), pipeline)
    assert slow == fast
    assert len(slow.runs) == 2 * READERS
