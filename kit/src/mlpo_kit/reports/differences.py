"""Read runs and what they started from, compare them, and lay out what differs.

The text and the document here are those of `mlpo-kit diff`; the page is in `compare`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.comparison import (
    CodeComparison,
    Comparison,
    Difference,
    FileChange,
    Files,
    compare_runs,
)
from mlpo_kit.runs.listing import WIDTH, format_seconds, format_stamp, format_time, wrap_note
from mlpo_kit.runs.overview import RunOverview, read_overview
from mlpo_kit.runs.pipeline import Pipeline
from mlpo_kit.runs.records import is_of_older_project
from mlpo_kit.runs.snapshot import list_members, read_snapshot
from mlpo_kit.runs.start import Start, read_start
from mlpo_kit.store.base import Store
from mlpo_kit.store.files import to_json

BAR = 30  # characters of the longest bar of changed lines
NONE = "none"


def read_comparison(store: Store, pipeline: Pipeline, run_ids: Sequence[str]) -> Comparison:
    """Read runs from the store and compare them; raises PipelineError if one can't be read."""
    runs = [_read_run(store, pipeline, run_id) for run_id in run_ids]
    starts = [read_start(store, run_id) for run_id in run_ids]
    return compare_runs(runs, starts, [_read_files(store, start) for start in starts])


def describe_comparison(comparison: Comparison) -> dict[str, Any]:
    """Describe a comparison as a JSON document; lists of values have one item per run."""
    packages = comparison.packages
    metrics = [{**asdict(row), "change": row.change} for row in comparison.metrics]
    return {
        "schema_version": 1,
        "runs": [_describe_run(run) for run in comparison.runs],
        "settings": [asdict(row) for row in comparison.settings],
        "data": {"versions": list(comparison.data), "is_same": comparison.has_same_data},
        "code": [asdict(item) for item in comparison.code],
        "packages": None if packages is None else [asdict(row) for row in packages],
        "metrics": metrics,
        "notes": list(comparison.notes),
    }


def format_comparison(comparison: Comparison, now: float, with_diff: bool = True) -> str:
    """Format the comparison of two runs for people; `now` is in seconds since the epoch.

    `with_diff` adds the changed lines of the code.
    """
    first, last = comparison.runs[0], comparison.runs[-1]
    width = max(len(run.run_id) for run in comparison.runs)
    code = comparison.code[-1]
    lines = [
        *_format_head("-", first, now, width),
        *_format_head("+", last, now, width),
        *_format_section("settings", comparison.settings),
        *_format_data(comparison),
        *_format_code(code, first, last),
        *_format_section("packages", comparison.packages),
        *_format_metrics(comparison.metrics),
        *_format_stages(first, last),
        *([""] if comparison.notes else []),
        *(line for note in comparison.notes for line in wrap_note(f"note: {note}")),
    ]
    diffs = [change.diff for change in code.files if change.diff] if with_diff else []
    return "\n".join([*lines, *([""] if diffs else []), *diffs])


def format_change_counts(files: Sequence[FileChange]) -> list[str]:
    """Format one line per changed file, as `git diff --stat` does, and their sum."""
    if not files:
        return []
    width = max(len(change.path) for change in files)
    most = max(change.added + change.removed for change in files)
    scale = min(1.0, BAR / max(most, 1))
    digits, lines = len(str(most)), []
    for change in files:
        count = str(change.added + change.removed) if change.is_text else "not text"
        bar = "+" * _scale(change.added, scale) + "-" * _scale(change.removed, scale)
        kind = "" if change.kind == "changed" else f" ({change.kind})"
        lines.append(f"{change.path:<{width}} | {count:>{digits}} {bar}".rstrip() + kind)
    added, removed = sum(c.added for c in files), sum(c.removed for c in files)
    counts = f"{_count(len(files), 'file')}, {_count(added, 'line')} added, {removed} removed"
    return [*lines, counts]


def describe_commit(run: RunOverview) -> str:
    """Describe the git commit that a run started from, and whether files had changed since."""
    if run.commit is None:
        return NONE
    return run.commit[:12] + (" with changes" if run.is_clean is False else "")


def format_plain(value: Any) -> str:
    """Format a setting, a version or another value in full, on one line."""
    if value is None:
        return NONE
    return value if isinstance(value, str) else " ".join(to_json(value).split())


def _read_run(store: Store, pipeline: Pipeline, run_id: str) -> RunOverview:
    run = read_overview(store, pipeline, run_id)
    if run is None:
        is_older = is_of_older_project(store, run_id)
        why = "an older project or another version of mlpo-kit wrote it" if is_older else "damaged"
        raise PipelineError(f"run {run_id} has no record that can be read ({why})")
    return run


def _read_files(store: Store, start: Start | None) -> Files | None:
    """Read the files of a run's snapshot by path; None if it is missing or was changed."""
    if start is None or start.snapshot is None:
        return None
    try:
        archive = read_snapshot(store, start.snapshot).archive
    except (FileNotFoundError, PipelineError):
        return None
    return {member.name: member.content for member in list_members(archive)}


def _describe_run(run: RunOverview) -> dict[str, Any]:
    stages = [{"name": n, "state": s, "seconds": t} for n, (s, t) in run.stages.items()]
    names = ("run_id", "status", "reason", "seconds", "orchestrator", "device", "version", "alias")
    more = ("code", "commit", "is_clean", "kit")
    values = vars(run)
    return {
        **{name: values[name] for name in names},
        "started": format_stamp(run.started),
        **{name: values[name] for name in more},
        "stages": stages,
    }


def _format_head(mark: str, run: RunOverview, now: float, width: int) -> list[str]:
    seconds = "" if run.seconds is None else f"  {format_seconds(run.seconds)} s"
    line = f"{mark} {run.run_id:<{width}}  {format_time(run.started, now)}  {run.status}{seconds}"
    reason = [f"    {' '.join(run.reason.split())}"] if run.reason else []
    return [line, *reason]


def _format_section(title: str, rows: Sequence[Difference] | None) -> list[str]:
    if rows is None:
        return ["", f"{title}: not recorded"]
    if not rows:
        return ["", f"{title}: the same"]
    return ["", title, *_format_rows([(row.name, *_pick_ends(row)) for row in rows])]


def _format_rows(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """Format rows of name, old and new value; long values go on lines of their own."""
    width = max(len(name) for name, _, _ in rows)
    lines = []
    for name, old, new in rows:
        line = f"  {name:<{width}}  {old} -> {new}"
        lines += [line] if len(line) <= WIDTH else [f"  {name}", f"    - {old}", f"    + {new}"]
    return lines


def _pick_ends(row: Difference) -> tuple[str, str]:
    return format_plain(row.values[0]), format_plain(row.values[-1])


def _format_data(comparison: Comparison) -> list[str]:
    old, new = (_shorten(data) for data in (comparison.data[0], comparison.data[-1]))
    if comparison.has_same_data:
        return ["", f"data: the same, version {old}"]
    return ["", "data", *_format_rows([("version", old, new)])]


def _shorten(digest: str | None) -> str:
    return "unknown" if digest is None else digest[:12]


def _format_code(code: CodeComparison, first: RunOverview, last: RunOverview) -> list[str]:
    commits = describe_commit(first), describe_commit(last)
    rows = _format_rows([("commit", commits[0], commits[1])]) if commits[0] != commits[1] else []
    if code.notes:
        word = {True: "the same digest", False: "another digest", None: "not recorded"}
        reasons = [f"  {note}" for note in code.notes]
        return ["", f"code: {word[code.is_same]}", *reasons, *rows]
    if code.is_same:
        return ["", "code: the same", *rows]
    return ["", "code", *(f"  {line}" for line in format_change_counts(code.files)), *rows]


def _format_metrics(rows: Sequence[Difference]) -> list[str]:
    if not rows:
        return []
    width = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        old, new = (NONE if v is None else f"{v:.4f}" for v in (row.values[0], row.values[-1]))
        change = "" if row.change is None else f"  {row.change:+.4f}"
        lines.append(f"  {row.name:<{width}}  {old} -> {new}{change}")
    return ["", "metrics", *lines]


def _format_stages(first: RunOverview, last: RunOverview) -> list[str]:
    names = list(dict.fromkeys([*first.stages, *last.stages]))
    if not names:
        return []
    rows = []
    for name in names:
        (old, old_time), (new, new_time) = (
            run.stages.get(name, ("not run", None)) for run in (first, last)
        )
        states = old if old == new else f"{old} -> {new}"
        times = [
            format_seconds(time) + " s" if time is not None else "-"
            for time in (old_time, new_time)
        ]
        rows.append((name, states, f"{times[0]} -> {times[1]}"))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return ["", "stages", *(f"  {n:<{widths[0]}}  {s:<{widths[1]}}  {t}" for n, s, t in rows)]


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _scale(count: int, scale: float) -> int:
    """Return the length of a bar: at least one character for any change."""
    return max(1, round(count * scale)) if count else 0
