"""Show the outcome of a sweep in the terminal and in the report."""

from __future__ import annotations

import json
import math
from typing import Any

from mlpo_kit.runs.records import SCHEMA_VERSION, SUCCEEDED, locate_sweep
from mlpo_kit.search.sweep import read_metric
from mlpo_kit.store.base import Store

Document = dict[str, Any]  # the outcome that `choose_trial` saves
LOG_FROM = 20  # use a log scale if the largest value is at least 20 times the smallest


def read_outcome(store: Store, run_id: str) -> Document | None:
    """Read the outcome of a run's sweep; None if it is not a sweep or has no outcome yet.

    A file that an older project wrote counts as missing.
    """
    try:
        document: Document = store.read_json(locate_sweep(run_id))
        return document if document["schema_version"] == SCHEMA_VERSION else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def format_trials(outcome: Document) -> str:
    """Format the outcome of a sweep for people: one line per trial, with the best one marked."""
    metric, names = outcome["metric"], list(outcome["space"])
    head = ["", "trial", *map(_shorten, names), metric, "seconds", ""]
    trials, chosen = outcome["trials"], outcome["chosen"]
    rows = [head, *(_make_row(trial, names, metric, chosen) for trial in trials)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, [*widths, 0], strict=True)) for r in rows]
    return "\n".join(["", "", *(line.rstrip() for line in lines)])


def draw_trials(store: Store, run_id: str) -> Document | None:
    """Lay out the outcome of a sweep for the report; None if the run is not a sweep.

    `rows` is a table of the trials with the columns `names` and `metric`. `charts` has one chart
    per setting that varies, with dots in percent of a box.
    """
    outcome = read_outcome(store, run_id)
    if outcome is None:
        return None
    names, metric = list(outcome["space"]), outcome["metric"]
    rows = [_make_row(trial, names, metric, outcome["chosen"]) for trial in outcome["trials"]]
    done = [trial for trial in outcome["trials"] if _read_value(trial, metric) is not None]
    charts = [_make_chart(outcome, name, done) for name in names if done]
    return {
        "metric": metric,
        "order": outcome["best"],
        "names": [_shorten(name) for name in names],
        "rows": rows,
        "charts": [chart for chart in charts if chart is not None],
    }


def _shorten(name: str) -> str:
    return name.partition(".")[2]


def _make_row(trial: Document, names: list[str], metric: str, chosen: str | None) -> list[str]:
    """Make a table row: mark, trial, settings, metric or state, seconds, cache hit or error."""
    value, is_done = _read_value(trial, metric), trial["state"] in SUCCEEDED
    return [
        "*" if trial["name"] == chosen else "",
        trial["name"],
        *(json.dumps(trial["changes"][name]) for name in names),
        trial["state"] if value is None else f"{value:.4f}",
        "" if trial["seconds"] is None else f"{trial['seconds']:.1f}",
        (trial["cache"] if trial["cache"] == "hit" else "") if is_done else str(trial["error"]),
    ]


def _read_value(trial: Document, metric: str) -> float | None:
    """Read the metric of a trial; None if it did not succeed or has no such number."""
    return read_metric(metric, trial["values"]) if trial["state"] in SUCCEEDED else None


def _make_chart(outcome: Document, name: str, done: list[Document]) -> Document | None:
    """Plot the trials as dots, in percent of a box: x is the setting's value, y the metric."""
    metric = outcome["metric"]
    values = [trial["changes"][name] for trial in done]
    positions, ends = _place_values(values)
    if len(set(positions)) < 2:
        return None
    measured = [read_metric(metric, trial["values"]) or 0.0 for trial in done]  # never None here
    low, high = min(measured), max(measured)
    return {
        "name": _shorten(name),
        "low": low,
        "high": high,
        "ends": ends,
        "dots": [
            {
                "x": 4 + 92 * x,
                "y": 96 - 92 * (value - low) / ((high - low) or 1.0),
                "is_best": trial["name"] == outcome["chosen"],
                "title": f"{trial['name']}: {json.dumps(setting)}, {metric} {value:.4f}",
            }
            for x, value, setting, trial in zip(positions, measured, values, done, strict=True)
        ],
    }


def _place_values(values: list[Any]) -> tuple[list[float], list[str]]:
    """Place values on an axis from 0 to 1; returns the positions and the axis labels.

    Numbers are placed to scale, other values at equal distances.
    """
    if not all(type(value) in (int, float) for value in values):
        labels = list(dict.fromkeys(map(json.dumps, values)))
        step = 1 / max(len(labels) - 1, 1)
        return [labels.index(json.dumps(value)) * step for value in values], labels
    low, high = min(values), max(values)
    ends = [f"{low:g}", f"{high:g}"]
    if low > 0 and high / low >= LOG_FROM:
        values, low, high = [math.log(v) for v in values], math.log(low), math.log(high)
    return [(value - low) / ((high - low) or 1.0) for value in values], ends
