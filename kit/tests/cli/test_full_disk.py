"""A full disk is one sentence that names the folder; record and table say it too."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MakeRun
from inprocess_adapter import install
from safetensors.numpy import save_file

from mlpo_kit import Run
from mlpo_kit.cli.__main__ import main
from mlpo_kit.config import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.records import read_record
from mlpo_kit.store.full_disk import explain_full_disk

pytestmark = pytest.mark.slow

FULL = "the disk is full: there is no room left in {}. Delete something"

# Fills what is left of the disk, then writes its result, as a training that saves weights.
FILL = """
def preprocess(settings, work, dataset):
    with work.path("weights").open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no room on a disk."""
    with pytest.raises(OSError), (folder / "full").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


@pytest.fixture
def run(make_run: MakeRun, disk: Path) -> Run:
    """A run whose store is on the small disk."""
    return make_run(storage_root=str(disk))


def test_a_stage_that_fills_the_disk_ends_with_a_sentence_and_a_record(
    toy: Project, run: Run, disk: Path
) -> None:
    (toy.root / "src" / "toy" / "stages" / "preprocess.py").write_text(FILL)
    with pytest.raises(PipelineError) as caught:
        run_pipeline(run)
    assert str(caught.value).startswith(FULL.format(disk))
    record = read_record(run.store, run.id, "preprocess")
    assert record is not None
    assert record.state == "failed"
    assert str(record.reason).startswith(FULL.format(disk))
    # What it had written is gone, which made room for the record.
    assert not list(disk.glob("runs/1/preprocess/*"))


def test_a_record_that_cannot_be_written_leaves_no_half_of_it(run: Run, disk: Path) -> None:
    run_stage(run, run.pipeline["ingest"])
    fill(disk)
    before = (disk / "runs" / "1" / "ingest.json").read_bytes()
    with pytest.raises(PipelineError, match="the disk is full"):
        run_stage(run, run.pipeline["ingest"])
    assert (disk / "runs" / "1" / "ingest.json").read_bytes() == before
    assert not list(disk.glob("runs/1/.*.json.*"))


def test_the_table_appears_although_the_disk_is_full(
    toy: Project,
    disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install(monkeypatch, toy)
    (toy.configs / "small.yaml").write_text(f"storage_root: {disk}\n")
    (toy.root / "src" / "toy" / "stages" / "preprocess.py").write_text(
        FILL.replace("4096", "512").replace("while", "work.path('x').mkdir()\n        while")
    )
    assert main(["run", "--profile", "small"]) == 1
    written = capsys.readouterr()
    assert written.err.splitlines()[-1].startswith("error: " + FULL.format(disk))
    assert "Traceback" not in written.err
    assert "  preprocess  failed" in written.out
    assert "preprocess failed: the disk is full" in written.out
    fill(disk)
    assert main(["table", "--profile", "small"]) == 0
    assert "  preprocess  failed" in capsys.readouterr().out


def test_a_command_that_cannot_write_its_file_says_why(
    toy: Project,
    disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("mlpo_kit.reports.page.build_report", lambda store, run_id: "x" * 4096)
    (toy.root / "runs" / "7").mkdir(parents=True)
    fill(disk)
    assert main(["report", "--run", "7", "--output", str(disk / "report.html")]) == 1
    assert capsys.readouterr().err.startswith("error: the disk is full: ")
    assert [path.name for path in disk.iterdir()] == ["full"]


def test_libraries_that_raise_no_os_error_are_understood(disk: Path) -> None:
    database = sqlite3.connect(disk / "database", isolation_level=None)
    database.execute("create table t (x)")
    writers: dict[str, Callable[[], Any]] = {
        "safetensors": lambda: save_file({"x": np.zeros(1 << 19)}, disk / "weights"),
        "torch": lambda: torch.save({"x": torch.zeros(1 << 19)}, disk / "checkpoint"),
        "sqlite": lambda: database.execute("insert into t values (zeroblob(1000000))"),
    }
    for name, write in writers.items():
        with pytest.raises(Exception) as caught:
            write()
        assert str(explain_full_disk(caught.value, disk)).startswith(FULL.format(disk)), name
        (disk / "weights").unlink(missing_ok=True)
        (disk / "checkpoint").unlink(missing_ok=True)
    database.close()


def test_other_errors_are_not_due_to_the_disk(tmp_path: Path) -> None:
    assert explain_full_disk(PermissionError(errno.EACCES, "no", str(tmp_path)), tmp_path) is None
    assert explain_full_disk(RuntimeError("CUDA error"), tmp_path) is None
    behind = RuntimeError("can't save")
    behind.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "weights"))
    assert str(explain_full_disk(behind)).startswith(FULL.format(tmp_path))
