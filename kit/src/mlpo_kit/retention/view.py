"""Format a retention plan, for people and as a JSON document."""

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


def to_document(plan: Plan, is_applied: bool) -> dict[str, Any]:
    """Turn a plan into a JSON document. Sizes are bytes, times are seconds since the epoch."""
    return {
        "schema_version": 1,
        "applied": is_applied,
        "runs": [asdict(run) for run in plan.runs],
        "cache_entries": list(plan.entries),
        "versions": [{"model": v.model, "version": v.number} for v in plan.versions],
        "checkpoints": list(plan.checkpoints),
        "snapshots": list(plan.snapshots),
        "unsent": list(plan.unsent),
        "freed": sum(run.freed for run in plan.runs),
        "problems": list(plan.problems),
        "older": [{**asdict(run), "reason": OLDER} for run in plan.older],
    }


def format_plan(plan: Plan, is_applied: bool, now: float) -> str:
    """Format a plan for people: a line per run, newest first, and a summary.

    `is_applied` says whether the plan was carried out; `now` is in seconds since the epoch.
    """
    if not plan.runs and not plan.older and plan.is_empty:
        return "there is no run yet"
    rows = [("run", "age", "status", "size", "", "why")]
    for run in sorted(plan.runs, key=lambda run: run.last_sign, reverse=True):
        age = _format_age(now - run.last_sign)
        size, word = format_size(run.size), _choose_word(run)
        rows.append((run.run_id, age, run.status, size, word, run.reason))
    for older in sorted(plan.older, key=lambda run: run.last_sign, reverse=True):
        age, size = _format_age(now - older.last_sign), format_size(older.size)
        rows.append((older.id, age, "older", size, "left alone", OLDER))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=False)) for r in rows]
    lines = [f"{line}  {row[5]}".rstrip() for line, row in zip(lines, rows, strict=True)]
    lines += ["", summarize_plan(plan, is_applied)]
    lines += [f"note: {problem}" for problem in plan.problems]
    if not is_applied and not plan.is_empty:
        lines.append("nothing was deleted: `make prune APPLY=1` deletes it")
    return "\n".join(lines)


def summarize_plan(plan: Plan, is_applied: bool) -> str:
    """Summarize in one line what a plan deletes."""
    freed = sum(run.freed for run in plan.runs)
    total = sum(run.size for run in plan.runs)
    weights = [f"{v.model} {v.number}" for v in plan.versions]
    counts = [
        _count(len(plan.newly_pruned), "run"),
        _count(len(plan.entries), "cache entry", "cache entries"),
        _count(len(plan.checkpoints), "checkpoint"),
        _count(len(plan.snapshots), "snapshot"),
        _count(len(plan.unsent), "run not fully sent to MLflow", "runs not fully sent to MLflow"),
        f"the weights of {', '.join(weights)} (their entries stay)" if weights else "",
    ]
    what = ", ".join(filter(None, counts)) or "nothing"
    word = "pruned" if is_applied else "to prune"
    return f"{word}: {what}; {format_size(freed)} of {format_size(total)}"


def show_progress(keys: Sequence[str]) -> Iterator[str]:
    """Yield the keys one by one; on a terminal, after a second, show a progress bar."""
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


def _count(number: int, singular: str, plural: str = "") -> str:
    """Format a count such as `2 runs`; an empty text for 0."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}" if number else ""
