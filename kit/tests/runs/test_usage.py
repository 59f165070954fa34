"""The usage of a device: GPU-seconds, and advice if a GPU was idle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import MakeRun

from mlpo_kit import Usage
from mlpo_kit.execution.table import format_run
from mlpo_kit.runs.records import Record, write_record
from mlpo_kit.runs.summary import summarize
from mlpo_kit.runs.usage import add_gpu_seconds, advise, find_warnings
from mlpo_kit.store.folder import FolderStore

IDLE = Usage("cuda: a GPU", gpus=2, seconds=100, busy_share=0.1, waiting_share=0.0, peak_memory=1)
STAGES = ("train", "evaluate")


def make_record(stage: str, usage: Usage, cache: str = "miss") -> Record:
    values = {"usage": vars(usage)}
    return Record("1", "test", stage, "completed", 0, "", STAGES, 110, values=values, cache=cache)


def test_an_idle_gpu_gives_a_warning_with_a_fix() -> None:
    advice = advise("train", IDLE, "train")
    assert advice is not None
    assert "train: the GPU was idle for 90% of 100 s" in advice
    assert "train.batch_size" in advice
    waits = advise("train-3", replace(IDLE, waiting_share=0.6), "train")
    assert waits is not None
    assert "60% waiting for rows: raise train.loader_threads" in waits
    other = advise("evaluate", IDLE, "train")
    assert other is not None
    assert "raise evaluate.batch_size, or set evaluate.device: cpu" in other


@pytest.mark.parametrize(
    "change", [{"busy_share": 0.9}, {"busy_share": None}, {"seconds": 5.0}, {"gpus": 0}]
)
def test_a_busy_gpu_or_a_cpu_gives_no_warning(change: dict[str, float]) -> None:
    usage = replace(IDLE, **change)  # type: ignore[arg-type]
    assert advise("train", usage, "train") is None
    assert find_warnings([make_record("train", usage)], "train") == []


def test_gpu_seconds_count_what_this_run_held_from_start_to_end() -> None:
    cpu = replace(IDLE, gpus=0)
    found = [make_record("train", IDLE), make_record("evaluate", cpu)]
    assert add_gpu_seconds(found) == {"held": 220.0, "used": 20.0}
    assert add_gpu_seconds([make_record("train", IDLE, cache="hit")]) == {"held": 0.0, "used": 0.0}
    unknown = [make_record("train", replace(IDLE, busy_share=None))]
    assert add_gpu_seconds(unknown) == {"held": 220.0, "used": None}
    taken_over = replace(make_record("train", IDLE), taken_from="0")
    assert add_gpu_seconds([taken_over]) == {"held": 0.0, "used": 0.0}


def test_gpu_seconds_of_a_sweep_add_up_over_its_trials(make_run: MakeRun, tmp_path: Path) -> None:
    store, pipeline = FolderStore(tmp_path / "store"), make_run().pipeline
    for stage in ("train-1", "train-2", "train"):
        write_record(store, make_record(stage, IDLE))
    assert summarize(store, pipeline, "1")["gpu_seconds"] == {"held": 440.0, "used": 40.0}


def test_the_table_shows_gpu_seconds(make_run: MakeRun, tmp_path: Path) -> None:
    store, pipeline = FolderStore(tmp_path / "store"), make_run().pipeline
    write_record(store, make_record("train", replace(IDLE, gpus=0)))
    assert "GPU-seconds" not in format_run(summarize(store, pipeline, "1"))
    write_record(store, make_record("train", IDLE))
    table = format_run(summarize(store, pipeline, "1"))
    assert "GPU-seconds 220 held, 20 used" in table
    assert "warning: train: the GPU was idle for 90% of 100 s" in table
