"""Build the page that compares runs: their curves over each other, and what differs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from mlpo_kit.errors import PipelineError
from mlpo_kit.reports.charts import draw_overlaid
from mlpo_kit.reports.differences import (
    describe_commit,
    format_change_counts,
    format_plain,
    read_comparison,
)
from mlpo_kit.reports.page import open_template
from mlpo_kit.reports.sections import RunResults
from mlpo_kit.runs.comparison import Difference
from mlpo_kit.runs.listing import format_seconds, format_time, shorten_ids
from mlpo_kit.runs.overview import RunOverview
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline
from mlpo_kit.runs.progress import list_epochs
from mlpo_kit.runs.records import read_records
from mlpo_kit.store import Store

MOST = 8  # runs whose colours can be told apart
Epochs = list[dict[str, Any]]


def build_comparison_page(store: Store, run_ids: Sequence[str]) -> str:
    """Build the page of several runs as HTML; the others are compared with the first.

    Raises PipelineError if a run can't be read, or if there are not two to eight different ones.
    """
    run_ids = list(dict.fromkeys(run_ids))
    if not 2 <= len(run_ids) <= MOST:
        raise PipelineError(
            f"a comparison shows 2 to {MOST} different runs, and these are {len(run_ids)}"
        )
    pipeline, now = load_pipeline(), time.time()
    comparison = read_comparison(store, pipeline, run_ids)
    runs = comparison.runs
    histories = [read_epochs(store, pipeline, run_id) for run_id in run_ids]
    short = shorten_ids(run_ids, run_ids)
    stages = list(dict.fromkeys(name for run in runs for name in run.stages))
    return open_template("compare.html.j2").render(
        runs=[{**vars(run), "short": short[run.run_id]} for run in runs],
        started=[format_time(run.started, now) for run in runs],
        seconds=[format_seconds(run.seconds) for run in runs],
        commits=[f", commit {describe_commit(run)}" if run.commit else "" for run in runs],
        has_same_data=comparison.has_same_data,
        metrics=[_make_metric_row(row, pipeline) for row in comparison.metrics],
        settings=[_make_row(row) for row in comparison.settings],
        packages=None if comparison.packages is None else list(map(_make_row, comparison.packages)),
        curves=draw_overlaid(histories),
        without_curves=[run.run_id for run, h in zip(runs, histories, strict=True) if not h],
        code=[
            {**vars(item), "counts": format_change_counts(item.files)} for item in comparison.code
        ],
        stages=[
            {"name": name, "cells": [_describe_stage(run, name) for run in runs]} for name in stages
        ],
        notes=comparison.notes,
    )


def read_epochs(store: Store, pipeline: Pipeline, run_id: str) -> Epochs:
    """Read the metrics of a run's epochs; an empty list if there are none.

    Of a training that has not ended with a result, these are the epochs so far.
    """
    stage = pipeline.training_stage
    results = RunResults(store, read_records(store, run_id))
    epochs = [line for line in results.read_lines(f"{stage}.history") if isinstance(line, dict)]
    return epochs or list_epochs(store, run_id, stage)


def _make_row(row: Difference) -> dict[str, Any]:
    first = row.values[0]
    cells = [
        {"text": format_plain(value), "is_changed": value != first, "is_best": False}
        for value in row.values
    ]
    return {"name": row.name, "cells": cells}


def _make_metric_row(row: Difference, pipeline: Pipeline) -> dict[str, Any]:
    """Make the row of a metric; the best value of the gate's metric is marked."""
    gate, values = pipeline.gate, [value for value in row.values if value is not None]
    best = None
    if gate is not None and gate.name == row.name and len(set(values)) > 1:
        best = max(values) if gate.direction == "higher" else min(values)
    cells = [
        {
            "text": "" if value is None else f"{value:.4f}",
            "is_changed": False,
            "is_best": value is not None and value == best,
        }
        for value in row.values
    ]
    return {"name": row.name, "cells": cells}


def _describe_stage(run: RunOverview, name: str) -> dict[str, Any]:
    state, seconds = run.stages.get(name, ("not run", None))
    return {"state": state, "seconds": format_seconds(seconds)}
