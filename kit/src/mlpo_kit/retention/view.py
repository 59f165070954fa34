"""A retention plan for people and for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from mlpo_kit.retention.facts import Plan, Verdict
from mlpo_kit.runs.records import OLDER

DAY, HOUR = 86400, 3600
BAR = 30  # characters


def to_document(made: Plan, done: bool) -> dict[str, Any]:
    """Turn a plan into a document for programs. Sizes are bytes, times seconds since the epoch."""
    return {
        "schema_version": 1,
        "applied": done,
        "runs": [asdict(run) for run in made.runs],
        "cache_entries": list(made.entries),
        "versions": [{"model": v.model, "version": v.number} for v in made.versions],
        "checkpoints": list(made.checkpoints),
        "freed": sum(run.freed for run in made.runs),
        "problems": list(made.problems),
        "older": [{**asdict(run), "reason": OLDER} for run in made.older],
    }


def format_plan(made: Plan, done: bool, now: float) -> str:
    """Format a plan for people: a line per run, newest first, and what it comes to.

    `done` says that it was carried out; `now` is in seconds since the epoch.
    """
    if not made.runs and not made.older and made.is_empty:
        return "there is no run yet"
    rows = [("run", "age", "status", "size", "", "why")]
    for run in sorted(made.runs, key=lambda run: run.last_sign, reverse=True):
        age = _format_age(now - run.last_sign)
        size, word = format_size(run.size), _choose_word(run)
        rows.append((run.run_id, age, run.status, size, word, run.reason))
    for older in sorted(made.older, key=lambda run: run.last_sign, reverse=True):
        age, size = _format_age(now - older.last_sign), format_size(older.size)
        rows.append((older.id, age, "older", size, "left alone", OLDER))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=False)) for r in rows]
    lines = [f"{line}  {row[5]}".rstrip() for line, row in zip(lines, rows, strict=True)]
    lines += ["", summarize_plan(made, done)]
    lines += [f"note: {problem}" for problem in made.problems]
    if not done and not made.is_empty:
        lines.append("nothing was deleted: `make prune APPLY=1` does it")
    return "\n".join(lines)


def summarize_plan(made: Plan, is_done: bool) -> str:
    """Say in a line what a plan comes to."""
    freed = sum(run.freed for run in made.runs)
    total = sum(run.size for run in made.runs)
    weights = [f"{v.model} {v.number}" for v in made.versions]
    counts = [
        _count(len(made.given_up), "run"),
        _count(len(made.entries), "cache entry", "cache entries"),
        _count(len(made.checkpoints), "checkpoint"),
        f"the weights of {', '.join(weights)} (rows, metrics and lineage stay)" if weights else "",
    ]
    what = ", ".join(filter(None, counts)) or "nothing"
    word = "pruned" if is_done else "to prune"
    return f"{word}: {what}; {format_size(freed)} of {format_size(total)}"


def show_progress(keys: Sequence[str]) -> Iterator[str]:
    """Hand on what is to be done; on a terminal, after a second, show how far it is."""
    start, is_shown = time.monotonic(), False
    for number, key in enumerate(keys):
        if sys.stderr.isatty() and time.monotonic() - start > 1:
            bar = "#" * (BAR * number // len(keys))
            text = f"\r[{bar:<{BAR}}] {number} of {len(keys)}"
            sys.stderr.write(text)
            sys.stderr.flush()
            is_shown = True
        yield key
    if is_shown:
        sys.stderr.write(f"\r[{'#' * BAR}] {len(keys)} of {len(keys)}\n")


def format_size(size: float) -> str:
    """Format a number of bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _choose_word(run: Verdict) -> str:
    if run.kept:
        return "kept"
    if run.vanishes:
        return "dropped"
    return "reduced" if run.stages else "rest stays"


def _format_age(seconds: float) -> str:
    if seconds >= DAY:
        return f"{seconds / DAY:.0f} d"
    return f"{seconds / HOUR:.0f} h" if seconds >= HOUR else f"{max(seconds, 0) / 60:.0f} min"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}" if number else ""
