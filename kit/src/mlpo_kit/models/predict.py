"""Serve the champion for a moment and ask it about test rows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from mlpo_kit.errors import PipelineError
from mlpo_kit.models.client import serving
from mlpo_kit.models.registry import Version
from mlpo_kit.runs.records import find_newest_run, read_records
from mlpo_kit.store import Store
from mlpo_kit.training.splits import open_splits


def predict_test_rows(store: Store, champion: Version, rows: int) -> dict[str, Any]:
    """Ask the served champion about the newest run's first test rows; returns them with the truth.

    Raises PipelineError where no run has test rows yet.
    """
    run_id = find_newest_run(store)
    records = read_records(store, run_id) if run_id else {}
    wanted = {"dataset", "splits"}
    made = next((r.outputs for r in records.values() if wanted <= r.outputs.keys()), None)
    if made is None:
        raise PipelineError("the newest run has no test rows yet: `make run`")
    splits, note = open_splits(store.open(made["dataset"]), store.open(made["splits"]))
    test, first = splits["test"], slice(rows)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with serving(store.open(champion.model), log, startup_seconds=120) as server:
            predictions = server.predict(test.read_samples(first))
            url = server.url
    return {
        "schema_version": 1,
        "version": champion.number,
        "url": f"{url}/predict",
        "predictions": predictions,
        "truth": [_name(number, note.get("classes")) for number in test.targets[first].tolist()],
    }


def format_predictions(found: dict[str, Any]) -> str:
    """Format what `predict_test_rows` returned: a line per row."""
    lines = [f"version {found['version']} at {found['url']} says:"]
    predictions = found["predictions"]
    for row, truth in enumerate(found["truth"]):
        values = {name: column[row] for name, column in predictions.items()}
        label = values.get("labels", next(iter(values.values()), None))
        shares = values.get("probabilities")
        sure = f" ({max(shares):.1%})" if isinstance(shares, list) and shares else ""
        lines.append(f"  {label}{sure}, it is {truth}")
    return "\n".join(lines)


def _name(value: Any, classes: list[str] | None) -> Any:
    """The class's name, where the rows have classes."""
    return classes[int(value)] if classes else value
