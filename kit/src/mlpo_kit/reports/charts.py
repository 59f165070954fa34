"""What the page draws of any run: its stages in time, the curves of a history, its values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from mlpo_kit.runs.records import Record

Document = dict[str, Any]
COLOURS = {"train": "one", "val": "two"}
LONGEST = 80  # characters of a value


def draw_timeline(records: Iterable[Record]) -> list[Document]:
    """Place the stages that a run ran itself: start and length in percent of the run."""
    found = list(records)
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


def draw_curves(history: Sequence[Document]) -> list[Document]:
    """Draw each number of a history over its epochs; `train_x` and `val_x` share a chart."""
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


def list_values(record: Record) -> list[tuple[str, str]]:
    """List the small values of a stage as texts, by name."""
    return [
        (name.replace("_", " "), _format(value))
        for name, value in record.values.items()
        if isinstance(value, (int, float, str))
    ]


def _draw_lines(series: list[list[float]]) -> Document:
    """Lines in a 100 x 100 box as SVG points, and the range of their values."""
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
    """The split that a column is of, where it says so, and what it measures there."""
    split, _, measure = name.partition("_")
    return (split, measure) if split in COLOURS and measure else ("", name)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _format(value: float | str) -> str:
    if isinstance(value, (bool, str)):
        text = str(value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return f"{value:,}" if isinstance(value, int) else f"{value:,.5g}"
