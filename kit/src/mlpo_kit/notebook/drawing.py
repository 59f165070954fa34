"""Draw the curves of a training for a notebook, without a package for plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from mlpo_kit.reports.charts import draw_curves

COLOURS = {"one": "#2563eb", "two": "#d97706"}  # as in the report


@dataclass(frozen=True)
class Drawing:
    """A drawing as HTML, which notebooks show."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def draw_history(history: Sequence[Mapping[str, Any]]) -> Drawing:
    """Draw each numeric column of a history by epoch; `train_x` and `val_x` share a chart."""
    charts = "".join(map(_draw_chart, draw_curves([dict(epoch) for epoch in history])))
    return Drawing(
        f'<div style="display: flex; flex-wrap: wrap; gap: 24px">{charts}</div>'
        if charts
        else "<p>There is no history yet.</p>"
    )


def _draw_chart(chart: Mapping[str, Any]) -> str:
    """Draw one chart with its legend, the range of its values and its epochs."""
    keys = [(name, COLOURS[colour]) for name, colour in chart["keys"]]
    legend = " ".join(
        f'<span style="color: {colour}">&mdash; {escape(name)}</span>'
        for name, colour in keys
        if name
    )
    lines = "".join(
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" '
        'vector-effect="non-scaling-stroke"/>'
        for points, (_, colour) in zip(chart["lines"], keys, strict=True)
    )
    return (
        f'<figure style="margin: 0"><figcaption><b>{escape(chart["title"])}</b> {legend}'
        f"</figcaption><div>{chart['high']:.3g}</div>"
        '<svg viewBox="0 0 100 100" width="320" height="180" preserveAspectRatio="none" '
        f'style="border-left: 1px solid gray; border-bottom: 1px solid gray">{lines}</svg>'
        f"<div>{chart['low']:.3g}; epoch {chart['first']} to {chart['last']}</div></figure>"
    )
