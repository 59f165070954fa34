"""Serve the champion for a moment and let it predict test rows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from mlpo_kit.errors import IntegrityError, PipelineError
from mlpo_kit.models.client import serving
from mlpo_kit.runs.records import find_newest_run, read_records
from mlpo_kit.store import Store
from mlpo_kit.training.splits import open_splits


def predict_test_rows(store: Store, version: int, model: Path, count: int) -> dict[str, Any]:
    """Let a served model predict test rows of the newest run, of as many classes as possible.

    `version` is the number of the model in the registry, `model` its file. Returns a document with
    the predictions and the true values of `count` rows. Raises PipelineError if the newest run has
    no test rows yet.
    """
    run_id = find_newest_run(store)
    records = read_records(store, run_id) if run_id else {}
    needed = {"dataset", "splits"}
    outputs = next((r.outputs for r in records.values() if needed <= r.outputs.keys()), None)
    if outputs is None:
        raise PipelineError("the newest run has no test rows yet: start one with `make run`")
    try:
        splits, note = open_splits(store.open(outputs["dataset"]), store.open(outputs["splits"]))
    except IntegrityError as error:
        raise PipelineError(
            f"the data of run {run_id} is gone ({error}): `make run` reads it again; an imported "
            "run has no data, and `make serve` needs none"
        ) from None
    test, classes = splits["test"], note.get("classes")
    rows = choose_rows(test.targets, count) if classes else np.arange(len(test))[:count]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with serving(model, log, startup_seconds=120) as server:
            predictions = server.predict(test.read_samples(rows))
            url = server.url
    numbers = test.targets[rows].tolist()
    return {
        "schema_version": 1,
        "version": version,
        "url": f"{url}/predict",
        "predictions": predictions,
        "truth": [classes[int(number)] if classes else number for number in numbers],
    }


def choose_rows(classes: np.ndarray, count: int) -> np.ndarray:
    """Choose rows so that as many classes as possible are among them, none twice as often.

    `classes` [n] are the classes of all rows. Returns at most `count` row numbers in order: first
    the first row of each class, then the second, and so on.
    """
    turns = np.empty(len(classes), np.int64)  # how many rows of its class come before a row
    for name in np.unique(classes):
        (places,) = np.nonzero(classes == name)
        turns[places] = np.arange(len(places))
    return np.sort(np.argsort(turns, kind="stable")[:count])


def format_predictions(document: dict[str, Any]) -> str:
    """Format the document of `predict_test_rows` for people: a line per row."""
    lines = [f"version {document['version']} at {document['url']} predicts:"]
    predictions = document["predictions"]
    for row, truth in enumerate(document["truth"]):
        values = {name: column[row] for name, column in predictions.items()}
        label = values.get("labels", next(iter(values.values()), None))
        probabilities = values.get("probabilities")
        confidence = ""
        if isinstance(probabilities, list) and probabilities:
            confidence = f" ({max(probabilities):.1%})"
        lines.append(f"  {label}{confidence}, the truth is {truth}")
    return "\n".join(lines)
