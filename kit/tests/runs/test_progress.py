"""The epochs of a training are read as they were written, whatever happened to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpo_kit.runs.progress import append_epoch, read_progress, store_progress
from mlpo_kit.store import Store
from mlpo_kit.store.bucket import BucketStore
from mlpo_kit.store.folder import FolderStore

KEY = "runs/1/train/progress.jsonl"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    if request.param == "folder":
        return FolderStore(tmp_path / "store")
    return BucketStore(f"memory://{tmp_path.name}", 60)


def list_losses(store: Store) -> list[tuple[int, dict[str, float]]]:
    return [(epoch.number, epoch.metrics) for epoch in read_progress(store, "1", "train")]


def test_an_epoch_is_read_while_the_training_goes_on(store: Store) -> None:
    assert read_progress(store, "1", "train") == []
    append_epoch(store, "1", "train", {"epoch": 1, "loss": 0.5, "note": "text"})  # type: ignore[dict-item]
    append_epoch(store, "1", "train", {"epoch": 2, "loss": float("nan")})
    (first, second) = read_progress(store, "1", "train")
    assert (first.number, first.metrics) == (1, {"loss": 0.5})
    assert second.number == 2
    assert second.time >= first.time


def test_the_epochs_are_in_the_store_after_the_stage(store: Store) -> None:
    append_epoch(store, "1", "train", {"epoch": 1, "loss": 0.5})
    store_progress(store, "1", "train")
    append_epoch(store, "1", "train", {"epoch": 2, "loss": 0.4})
    store_progress(store, "1", "train")
    if isinstance(store, BucketStore):  # as after the end of a pod
        store.machine_path(KEY).unlink()
    assert list_losses(store) == [(1, {"loss": 0.5}), (2, {"loss": 0.4})]


def test_a_resumed_training_adds_its_epochs_also_on_another_machine(store: Store) -> None:
    store.write(
        KEY, b'{"epoch": 1, "loss": 0.5, "time": 1}\n{"epoch": 2, "loss": 0.4, "time": 2}\n'
    )
    append_epoch(store, "1", "train", {"epoch": 2, "loss": 0.4})
    append_epoch(store, "1", "train", {"epoch": 3, "loss": 0.3})
    for _ in range(2):
        store_progress(store, "1", "train")
        assert list_losses(store) == [(1, {"loss": 0.5}), (2, {"loss": 0.4}), (3, {"loss": 0.3})]
        assert read_progress(store, "1", "train")[1].time == 2


def test_a_damaged_line_hides_no_other(store: Store) -> None:
    good = b'{"epoch": 1, "loss": 0.5, "time": 1}\n'
    store.write(KEY, good + b'[1]\n{"epoch": 2}\n\xff\n{"loss": 0.4, "time": 2}\n{"epoch": 3, "lo')
    assert list_losses(store) == [(1, {"loss": 0.5}), (2, {"loss": 0.4})]
