"""Serve the champion for a moment and ask it about test rows. Managed by mlpo."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .arrays import load_note, map_arrays
from .client import serving
from .errors import PipelineError
from .records import newest_run, read
from .registry import Version
from .store import Store


def predict(store: Store, champion: Version, rows: int) -> str:
    """What the served champion says of the newest run's first test rows, beside the truth."""
    run_id = newest_run(store)
    record = read(store, run_id, "evaluate") if run_id else None
    if record is None or "predictions" not in record.outputs:
        raise PipelineError("the newest run has no test rows yet: `make run`")
    path = store.open(record.outputs["predictions"])
    test, classes = map_arrays(path), load_note(path)["classes"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with serving(store.open(champion.model), log, startup_seconds=120) as server:
            probabilities = server.predict(test["x"][:rows])
            lines = [f"version {champion.number} at {server.url}/predict says:"]
    for given, truth in zip(probabilities, test["y"], strict=False):
        said = int(given.argmax())
        lines.append(f"  {classes[said]} ({given[said]:.1%}), it is {classes[int(truth)]}")
    return "\n".join(lines)
