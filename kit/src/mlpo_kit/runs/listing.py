"""Lay out a list of runs: as a table for people, and as a document for scripts."""

from __future__ import annotations

import json
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlpo_kit.runs.overview import RunOverview
from mlpo_kit.runs.query import FACTS, get_value

WIDTH = 80  # characters of a table, unless the terminal is wider
SHORTEST = 6  # characters of a shortened run id
LONGEST = 24  # characters of a value
DIGESTS = ("code", "commit", "dataset")  # shown shortened


@dataclass(frozen=True)
class Listing:
    """The runs to show, out of all `total`, and what belongs to the table."""

    runs: Sequence[RunOverview]
    run_ids: Sequence[str]  # of all runs in the store: shortened ids must fit only one
    total: int  # runs that meet the conditions
    metric: str | None = None  # the gate's
    champions: frozenset[str] | None = None  # runs whose version is the champion; None: unknown
    columns: Sequence[str] | None = None  # None: those that `choose_columns` chooses
    problems: Sequence[str] = ()


def find_differing_settings(runs: Sequence[RunOverview]) -> list[str]:
    """Return the settings that differ between the runs, those with the most values first.

    A run without `run.json` knows only the sections of the stages that it reached.
    """
    by_section: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for run in runs for name in run.settings):
        by_section.setdefault(name.partition(".")[0], []).append(name)
    values: dict[str, set[str]] = {}
    for run in runs:
        for section in by_section if run.has_start else run.sections:
            for name in by_section[section]:
                text = json.dumps(run.settings.get(name), sort_keys=True)
                values.setdefault(name, set()).add(text)
    differing = [name for names in by_section.values() for name in names if len(values[name]) > 1]
    return sorted(differing, key=lambda name: -len(values[name]))


def shorten_ids(run_ids: Sequence[str], listed: Sequence[str]) -> dict[str, str]:
    """Shorten the listed ids to endings of one length that no other run id contains."""
    longest = max((len(run_id) for run_id in listed), default=0)
    for length in range(SHORTEST, longest):
        counts = Counter(
            part
            for run_id in set(run_ids)
            for part in {run_id[i : i + length] for i in range(max(len(run_id) - length, 0) + 1)}
        )
        short = {run_id: run_id[-length:] for run_id in listed}
        if all(counts[part] <= 1 for part in short.values()):
            return short
    return {run_id: run_id for run_id in listed}


def choose_columns(listing: Listing) -> tuple[list[str], list[str]]:
    """Choose the columns that are always shown, and those that follow as far as there is room."""
    runs = listing.runs
    columns = ["run", "started", "status"]
    if any(run.trial for run in runs):
        columns.insert(1, "trial")
    if listing.metric is not None:
        columns.append(listing.metric)
    columns += dict.fromkeys(run.sweep_metric for run in runs if run.sweep_metric)
    more = find_differing_settings(runs)
    if any(run.version is not None for run in runs):
        more.insert(0, "version")
    if len({run.device for run in runs if run.device}) > 1:
        more.append("device")
    return [*columns, "seconds"], more


def format_runs(listing: Listing, now: float, width: int = WIDTH) -> str:
    """Format a list of runs; `now` is in seconds since the epoch, `width` in characters."""
    runs, short = listing.runs, shorten_ids(listing.run_ids, [r.run_id for r in listing.runs])

    names, more = choose_columns(listing)
    if listing.columns is not None:
        names, more = ["run", *(name for name in listing.columns if name != "run")], []
    titles = _make_titles([*names, *more])

    def make_cells(name: str) -> list[str]:
        if name == "run":
            return ["run", *(short[run.run_id] for run in runs)]
        return [titles[name], *(_format_value(listing, run, name, now) for run in runs)]

    columns = [make_cells(name) for name in names]
    left: list[str] = []
    for name in more:
        cells = make_cells(name)
        if _measure([*columns, cells]) <= width:
            columns.append(cells)
            names.append(name)
        else:
            left.append(name)
    widths = [max(map(len, cells)) for cells in columns]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in (zip(*columns, strict=True) if runs else ())
    ]
    notes = [*_describe_amount(listing), *_describe_champion(listing, names)]
    if left:
        notes += wrap_note(f"these differ, too (--columns shows them): {', '.join(left)}")
    notes += [line for problem in listing.problems for line in wrap_note(f"note: {problem}")]
    return "\n".join([*lines, *([""] if lines and notes else []), *notes])


def describe_runs(listing: Listing) -> dict[str, Any]:
    """Describe a list of runs as a JSON document. Times are UTC, settings by dotted name."""
    return {
        "schema_version": 1,
        "total": listing.total,
        "metric": listing.metric,
        "differing": find_differing_settings(listing.runs),
        "runs": [_describe_run(listing, run) for run in listing.runs],
        "problems": list(listing.problems),
    }


def format_time(seconds: float, now: float) -> str:
    """Format a time without its year if that is the current one: `11-30 09:15`, local time."""
    then = time.localtime(seconds)
    is_recent = then.tm_year == time.localtime(now).tm_year
    return time.strftime("%m-%d %H:%M" if is_recent else "%Y-%m-%d", then)


def format_stamp(seconds: float) -> str:
    """Format a time for scripts, in UTC: `2026-11-30T09:15:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def format_seconds(seconds: float | None) -> str:
    """Format a duration in seconds; an empty text if it is not known."""
    return "" if seconds is None else f"{seconds:.1f}"


def format_value(value: Any, is_metric: bool = False) -> str:
    """Format a setting, metric or value for people; None is an empty text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if is_metric else f"{value:.5g}"
    text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def wrap_note(text: str) -> list[str]:
    """Break a sentence below a table into lines."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False)


def _describe_run(listing: Listing, run: RunOverview) -> dict[str, Any]:
    facts = {name: get(run) for name, get in FACTS.items() if name != "run"}
    facts["started"] = format_stamp(run.started)
    if listing.columns is not None:
        names = [name for name in listing.columns if name != "run"]
        chosen = {name: facts[name] if name in facts else get_value(run, name) for name in names}
        return {"run_id": run.run_id, **chosen}
    champions = listing.champions
    return {
        "run_id": run.run_id,
        **facts,
        "is_champion": None if champions is None else run.run_id in champions,
        "metrics": dict(run.metrics),
        "settings": dict(run.settings),
        "values": dict(run.values),
    }


def _format_value(listing: Listing, run: RunOverview, name: str, now: float) -> str:
    value = get_value(run, name)
    if name == "started":
        return format_time(run.started, now)
    if name == "seconds":
        return format_seconds(run.seconds)
    if name == "version" and value is not None:
        return f"{value} *" if run.run_id in (listing.champions or ()) else str(value)
    if name in DIGESTS and value is not None:
        return str(value)[:12]
    if name == "reason" and value is not None:
        return " ".join(str(value).split())
    return format_value(value, is_metric=name in run.metrics)


def _describe_amount(listing: Listing) -> list[str]:
    if not listing.total:
        return ["no run meets the conditions" if listing.run_ids else "there is no run yet"]
    if len(listing.runs) < listing.total:
        return [f"{len(listing.runs)} of {listing.total} runs: --limit 0 lists all"]
    return []


def _describe_champion(listing: Listing, names: Sequence[str]) -> list[str]:
    is_listed = any(run.run_id in (listing.champions or ()) for run in listing.runs)
    return ["* the champion"] if is_listed and "version" in names else []


def _make_titles(names: Sequence[str]) -> dict[str, str]:
    """Make the titles of columns: without the stage, unless two would have the same title."""
    short = {name: name.partition(".")[2] or name for name in names}
    counts = Counter(short.values())
    return {name: title if counts[title] == 1 else name for name, title in short.items()}


def _measure(columns: Sequence[Sequence[str]]) -> int:
    """Measure the width of a table."""
    return sum(max(map(len, cells)) for cells in columns) + 2 * (len(columns) - 1)
