"""Writes runs of the small project into a store, as they are after a run, without running it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from mlpo_kit.runs.records import Record, State, write_record
from mlpo_kit.store.base import Store

STAGES = ("ingest", "preprocess", "validate", "train", "evaluate", "register", "deploy")
NOON = 1_795_953_600.0  # 2026-11-29 12:00 UTC


def write_run(
    store: Store,
    run_id: str,
    started: float = NOON,
    accuracy: float = 0.9,
    train: Mapping[str, Any] | None = None,
    version: int | None = None,
    dataset: str = "d" * 64,
    last: str = "deploy",
    state: State = "completed",
    reason: str | None = None,
) -> dict[str, Record]:
    """Write the records of a run; `last` is the stage that it reached, with this state."""
    settings: dict[str, dict[str, Any]] = {
        "ingest": {"rows": 100},
        "train": {"epochs": 3, "model": {"width": 8}, **(train or {})},
        "register": {"min_accuracy": 0.5, "model_name": "toy"},
    }
    values: dict[str, dict[str, Any]] = {
        "ingest": {"version": dataset},
        "train": {"val_loss": round(1 - accuracy, 6), "device": "cpu"},
        "evaluate": {"metrics": {"accuracy": accuracy, "log_loss": 0.25}},
        "register": {"version": version},
        "deploy": {"alias": "champion", "version": version},
    }
    records = {}
    for number, stage in enumerate(STAGES[: STAGES.index(last) + 1]):
        record = Record(
            run_id=run_id,
            orchestrator="test",
            stage=stage,
            state="completed",
            started=started + number,
            ended=started + number + 1,
            code="c0de",
            stages=STAGES,
            settings=settings.get(stage, {}),
            values=values.get(stage, {}),
        )
        if stage == last and state != "completed":
            record = replace(record, state=state, reason=reason, values={})
        write_record(store, record)
        records[stage] = record
    return records


def write_start(
    store: Store, run_id: str, settings: Mapping[str, Any], started: float = NOON, **more: Any
) -> None:
    """Write what a run started from."""
    document = {
        "schema_version": 1,
        "run_id": run_id,
        "started": started,
        "orchestrator": "test",
        "settings": settings,
        **more,
    }
    store.write_json(f"runs/{run_id}/run.json", document)


def write_snapshot(store: Store, files: Mapping[str, bytes]) -> str:
    """Write a snapshot of the code; returns its SHA-256."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content)
    digest = sha256(buffer.getvalue()).hexdigest()
    store.write(f"snapshots/{digest}.zip", buffer.getvalue())
    return digest


def write_history(store: Store, run_id: str, epochs: list[dict[str, Any]]) -> None:
    """Write the history of a run's training, and the record that refers to it."""
    folder = store.folder(f"runs/{run_id}/train")
    (folder / "history.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    key = f"runs/{run_id}/train.json"
    ref = store.put(f"runs/{run_id}/train/history.jsonl")
    store.write_json(key, {**store.read_json(key), "outputs": {"history": vars(ref)}})
