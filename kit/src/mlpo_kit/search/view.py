"""What a sweep has found, for the terminal and for the report."""

from __future__ import annotations

import json
import math
from typing import Any

from mlpo_kit.runs.records import SCHEMA_VERSION, SUCCEEDED, locate_sweep
from mlpo_kit.search.sweep import read_metric
from mlpo_kit.store.base import Store

Document = dict[str, Any]  # what `choose_trial` keeps of a sweep
LOG_FROM = 20  # how many times the smallest the largest value is, where the scale is a log


def read_outcome(store: Store, run_id: str) -> Document | None:
    """Read what a run's sweep has found; None where it is no sweep, or has not come so far.

    What an older project wrote reads as not there.
    """
    try:
        document: Document = store.read_json(locate_sweep(run_id))
        return document if document["schema_version"] == SCHEMA_VERSION else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def format_trials(found: Document) -> str:
    """Format for people what a sweep has found: a line per trial, the best marked."""
    metric, names = found["metric"], list(found["space"])
    head = ["", "trial", *map(_short, names), metric, "seconds", ""]
    rows = [head, *(_row(trial, names, metric, found["chosen"]) for trial in found["trials"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, [*widths, 0], strict=True)) for r in rows]
    return "\n".join(["", "", *(line.rstrip() for line in lines)])


def draw_trials(store: Store, run_id: str) -> Document | None:
    """Lay out for the report what a sweep has found; None where it is no sweep.

    `rows` are its trials as a table below `names` and `metric`; `charts` has one per setting that
    varies, with dots in percent of a box.
    """
    found = read_outcome(store, run_id)
    if found is None:
        return None
    names = list(found["space"])
    rows = [_row(t, names, found["metric"], found["chosen"]) for t in found["trials"]]
    done = [trial for trial in found["trials"] if _measure(trial, found["metric"]) is not None]
    charts = [_chart(found, name, done) for name in names if done]
    return {
        "metric": found["metric"],
        "order": found["best"],
        "names": [_short(name) for name in names],
        "rows": rows,
        "charts": [chart for chart in charts if chart is not None],
    }


def _short(name: str) -> str:
    return name.partition(".")[2]


def _row(trial: Document, names: list[str], metric: str, chosen: str | None) -> list[str]:
    """A mark, the trial, its settings, what it came to, how long it took, a remark."""
    value, done = _measure(trial, metric), trial["state"] in SUCCEEDED
    return [
        "*" if trial["name"] == chosen else "",
        trial["name"],
        *(json.dumps(trial["changes"][name]) for name in names),
        trial["state"] if value is None else f"{value:.4f}",
        "" if trial["seconds"] is None else f"{trial['seconds']:.1f}",
        (trial["cache"] if trial["cache"] == "hit" else "") if done else str(trial["error"]),
    ]


def _measure(trial: Document, metric: str) -> float | None:
    """The metric of a trial that succeeded."""
    return read_metric(metric, trial["values"]) if trial["state"] in SUCCEEDED else None


def _chart(found: Document, name: str, done: list[Document]) -> Document | None:
    """The trials as dots, in percent of a box: the setting's values across, the metric up."""
    metric = found["metric"]
    given = [trial["changes"][name] for trial in done]
    places, ends = _across(given)
    if len(set(places)) < 2:
        return None
    measured = [read_metric(metric, trial["values"]) or 0.0 for trial in done]  # of numbers
    low, high = min(measured), max(measured)
    return {
        "name": _short(name),
        "low": low,
        "high": high,
        "ends": ends,
        "dots": [
            {
                "x": 4 + 92 * x,
                "y": 96 - 92 * (value - low) / ((high - low) or 1.0),
                "is_best": trial["name"] == found["chosen"],
                "title": f"{trial['name']}: {json.dumps(setting)}, {metric} {value:.4f}",
            }
            for x, value, setting, trial in zip(places, measured, given, done, strict=True)
        ],
    }


def _across(given: list[Any]) -> tuple[list[float], list[str]]:
    """Where values are, from 0 to 1, and the words below: numbers to scale, others in a row."""
    if not all(type(value) in (int, float) for value in given):
        kinds = list(dict.fromkeys(map(json.dumps, given)))
        step = 1 / max(len(kinds) - 1, 1)
        return [kinds.index(json.dumps(value)) * step for value in given], kinds
    low, high = min(given), max(given)
    ends = [f"{low:g}", f"{high:g}"]
    if low > 0 and high / low >= LOG_FROM:
        given, low, high = [math.log(v) for v in given], math.log(low), math.log(high)
    return [(value - low) / ((high - low) or 1.0) for value in given], ends
