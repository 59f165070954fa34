"""One self-contained HTML page about a run: made from its records, opens offline.

The page is `report.html.j2`; this module gathers what it shows. A run that
failed, or still runs, has a report too, of as far as it came.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mlpo_kit.errors import IntegrityError, PipelineError
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.records import Record, read_records
from mlpo_kit.runs.summary import summarize
from mlpo_kit.runs.usage import find_usage
from mlpo_kit.search.view import draw_trials
from mlpo_kit.store.arrays import load_note, map_arrays
from mlpo_kit.store.base import Ref, Store
from mlpo_kit.store.files import read_json

PICTURES = 24
MAX_CLASSES = 40  # of a confusion matrix that a person can read


def build_report(store: Store, run_id: str) -> str:
    """Build the report of a run as HTML; raises PipelineError when there is no such run."""
    found = read_records(store, run_id)
    if not found:
        raise PipelineError(f"there is no run {run_id} in the store")
    files = {
        name: _payload(store, found, stage, name)
        for stage, name in (
            ("train", "history"),
            ("evaluate", "report"),
            ("evaluate", "predictions"),
            ("preprocess", "splits"),
        )
    }
    history = [json.loads(line) for line in _lines(files["history"])]
    evaluation = read_json(files["report"]) if files["report"] else None
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        summary=summarize(store, load_pipeline(), run_id),
        timeline=_timeline(list(found.values())),
        history=history,
        losses=_chart([[e["train_loss"] for e in history], [e["val_loss"] for e in history]]),
        accuracies=_chart([[e["val_accuracy"] for e in history]]),
        evaluation=evaluation,
        confusion=_shades(evaluation),
        calibration=_calibration(evaluation),
        samples=_samples(files["predictions"], files["splits"]),
        devices=[(r.stage, usage) for r in found.values() if (usage := find_usage(r)) is not None],
        sweep=draw_trials(store, run_id),
        values={stage: record.values for stage, record in found.items()},
        settings={stage: json.dumps(record.settings, indent=2) for stage, record in found.items()},
        outputs=[
            (stage, name, ref) for stage, r in found.items() for name, ref in r.outputs.items()
        ],
        code=next(iter(found.values())).code,
    )


def _payload(store: Store, found: dict[str, Record], stage: str, name: str) -> Path | None:
    """A stage's file, or None when the stage did not come so far or the file is gone."""
    ref: Ref | None = found[stage].outputs.get(name) if stage in found else None
    try:
        return store.open(ref) if ref else None
    except IntegrityError:
        return None


def _lines(path: Path | None) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path else []


def _timeline(found: list[Record]) -> list[dict[str, Any]]:
    """Start and length in percent of the run, of the stages that it ran itself."""
    found = [record for record in found if record.taken_from is None] or found
    begin = min(record.started for record in found)
    end = max(record.ended or record.started for record in found)
    span = max(end - begin, 1e-9)
    return [
        {
            "stage": record.stage,
            "state": record.state,
            "seconds": record.seconds,
            "attempt": record.attempt,
            "left": 100 * (record.started - begin) / span,
            "width": max(100 * (record.seconds or 0) / span, 0.6),
        }
        for record in found
    ]


def _chart(series: list[list[float]]) -> dict[str, Any] | None:
    """Lines in a 100 x 100 box as SVG points, and the range of their values."""
    values = [value for line in series for value in line]
    if not values:
        return None
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    lines = [
        " ".join(
            f"{100 * i / max(len(line) - 1, 1):.2f},{100 - 100 * (value - low) / span:.2f}"
            for i, value in enumerate(line)
        )
        for line in series
    ]
    return {"lines": lines, "low": low, "high": high, "last": len(series[0])}


def _shades(evaluation: dict[str, Any] | None) -> list[list[tuple[int, float]]] | None:
    """The confusion matrix with each count's share of its true class."""
    if evaluation is None or len(evaluation["classes"]) > MAX_CLASSES:
        return None
    return [[(n, n / max(sum(row), 1)) for n in row] for row in evaluation["confusion"]]


def _calibration(evaluation: dict[str, Any] | None) -> list[dict[str, float]]:
    """Bins as dots in a 100 x 100 box: confidence across, accuracy up, area by rows."""
    bins = evaluation["calibration"] if evaluation else []
    most = max((b["rows"] for b in bins), default=1)
    return [
        {
            "x": 100 * b["confidence"],
            "y": 100 - 100 * b["accuracy"],
            "r": 1.5 + 4.5 * (b["rows"] / most) ** 0.5,
            **b,
        }
        for b in bins
    ]


def _samples(predictions: Path | None, splits: Path | None) -> list[dict[str, Any]]:
    """Test rows with prediction and truth: the mistakes first, then the least sure."""
    if predictions is None or splits is None:
        return []
    arrays, classes = map_arrays(splits), load_note(splits)["classes"]
    x, y = arrays["test_x"], arrays["test_y"]
    probabilities = map_arrays(predictions)["probabilities"]
    said, sure = probabilities.argmax(1), probabilities.max(1)
    order = np.lexsort((sure, said == y))[:PICTURES]
    return [
        {
            "row": int(i),
            "picture": _picture(x[i]) if x.ndim == 4 else None,
            "said": classes[said[i]],
            "truth": classes[y[i]],
            "sure": float(sure[i]),
            "right": bool(said[i] == y[i]),
        }
        for i in order
    ]


def _picture(pixels: np.ndarray) -> str:
    """Pixels [channels, height, width] as a PNG in a data URI."""
    from PIL import Image

    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
