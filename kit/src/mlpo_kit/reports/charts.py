"""The parts of the page that any run has: timeline, curves of the history, and values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from mlpo_kit.runs.records import Record

Document = dict[str, Any]
COLOURS = {"train": "one", "val": "two"}
MAX_LENGTH = 80  # characters of a value


def draw_timeline(records: Iterable[Record]) -> list[Document]:
    """Compute the start and length of each stage, in percent of the run's duration.

    Stages whose results were reused are left out, unless all were.
    """
    shown = list(records)
    shown = [record for record in shown if record.taken_from is None] or shown
    begin = min(record.started for record in shown)
    end = max(record.ended or record.started for record in shown)
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
        for record in shown
    ]


def draw_curves(history: Sequence[Document]) -> list[Document]:
    """Draw each numeric column of a history by epoch; `train_x` and `val_x` share a chart."""
    charts: dict[str, list[str]] = {}
    for name in history[0] if history else {}:
        if name != "epoch" and all(_is_number(epoch.get(name)) for epoch in history):
            charts.setdefault(_split(name)[1], []).append(name)
    return [
        {
            "title": title.replace("_", " "),
            "keys": [(_split(name)[0], COLOURS.get(_split(name)[0], "one")) for name in names],
            "first": history[0].get("epoch", 1),
            "last": history[-1].get("epoch", len(history)),
            **_draw_lines([[epoch[name] for epoch in history] for name in names]),
        }
        for title, names in charts.items()
    ]


def draw_overlaid(histories: Sequence[Sequence[Document]]) -> list[Document]:
    """Draw the numeric columns of several histories over each other, by the number of the epoch.

    `train_x` and `val_x` share a chart. Each line has the index of its history, its split, its SVG
    points in a 100 x 100 box, and its last value. Values that are not finite numbers are left out.
    """
    charts: dict[str, list[tuple[int, str, list[tuple[float, float]]]]] = {}
    for index, history in enumerate(histories):
        for name in dict.fromkeys(name for epoch in history for name in epoch if name != "epoch"):
            points = [
                (float(epoch.get("epoch", number)), float(epoch[name]))
                for number, epoch in enumerate(history, 1)
                if _is_number(epoch.get(name))
            ]
            split, measure = _split(name)
            if points:
                charts.setdefault(measure, []).append((index, split, points))
    return [_overlay(title, series) for title, series in charts.items()]


def _overlay(title: str, series: list[tuple[int, str, list[tuple[float, float]]]]) -> Document:
    epochs = [epoch for *_, points in series for epoch, _ in points]
    values = [value for *_, points in series for _, value in points]
    low, high, first, last = min(values), max(values), min(epochs), max(epochs)

    def place(epoch: float, value: float) -> str:
        x = 100 * (epoch - first) / ((last - first) or 1.0)
        return f"{x:.2f},{100 - 100 * (value - low) / ((high - low) or 1.0):.2f}"

    return {
        "title": title.replace("_", " "),
        "splits": [name for name in COLOURS if any(split == name for _, split, _ in series)],
        "low": low,
        "high": high,
        "first": int(first),
        "last": int(last),
        "lines": [
            {
                "index": index,
                "split": split,
                "points": " ".join(place(*point) for point in points),
                "end": points[-1][1],
                "is_dot": len(points) == 1,
            }
            for index, split, points in series
        ],
    }


def list_values(record: Record) -> list[tuple[str, str]]:
    """List the names of a stage's small values, and the values as texts."""
    return [
        (name.replace("_", " "), _format(value))
        for name, value in record.values.items()
        if isinstance(value, (int, float, str))
    ]


def _draw_lines(series: list[list[float]]) -> Document:
    """Draw lines in a 100 x 100 box as SVG points, and return the range of their values."""
    values = [value for line in series for value in line]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    lines = [
        " ".join(
            f"{100 * i / max(len(line) - 1, 1):.2f},{100 - 100 * (value - low) / span:.2f}"
            for i, value in enumerate(line)
        )
        for line in series
    ]
    return {"lines": lines, "low": low, "high": high}


def _split(name: str) -> tuple[str, str]:
    """Split a column's name into split and measure: `val`, `loss`, or "" and the name itself."""
    split, _, measure = name.partition("_")
    return (split, measure) if split in COLOURS and measure else ("", name)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _format(value: float | str) -> str:
    if isinstance(value, (bool, str)):
        text = str(value)
        return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}..."
    return f"{value:,}" if isinstance(value, int) else f"{value:,.5g}"
