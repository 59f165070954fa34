"""Apply the edits of fixes to a text. What they do not name stays as it is."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Iterable

from mlpo_cli.check.model import Edit, Finding, Fix
from mlpo_cli.check.notebook import write_notebook
from mlpo_cli.check.source import Segment, Source


def choose_fixes(findings: Iterable[Finding], with_unsafe: bool) -> list[Fix]:
    """Return the fixes to apply: the safe ones, or all."""
    fixes = (finding.fix for finding in findings)
    return [fix for fix in fixes if fix and (fix.is_safe or with_unsafe)]


def apply_fixes(source: Source, fixes: Iterable[Fix]) -> tuple[str, int]:
    """Return the new content of a file and how many fixes are in it.

    A fix is applied wholly or not at all. Of two that overlap the first one is applied: check the
    result again for the other one. An edit that several fixes share is made once.
    """
    edits: dict[Edit, None] = {}
    ranges: list[tuple[int, int]] = []  # of the edits, in order
    applied = 0
    for fix in fixes:
        new = [edit for edit in fix.edits if edit not in edits]
        if _can_add(source, new, ranges):
            edits.update(dict.fromkeys(new))
            for edit in new:
                insort(ranges, (edit.start, edit.end))
            applied += 1
    if source.kind == "notebook":
        return _edit_notebook(source, list(edits)), applied
    return apply_edits(source.text, edits), applied


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with edits that do not overlap."""
    parts, position = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, text[position:]])


def _can_add(source: Source, new: list[Edit], ranges: list[tuple[int, int]]) -> bool:
    added: list[tuple[int, int]] = []
    for edit in new:
        if _overlaps(edit, ranges) or _overlaps(edit, added):
            return False
        if source.kind == "notebook" and _find_whole_segment(source, edit) is None:
            return False
        insort(added, (edit.start, edit.end))
    return True


def _overlaps(edit: Edit, ranges: list[tuple[int, int]]) -> bool:
    """Whether an edit changes the characters of another one, or starts where it does."""
    index = bisect_left(ranges, (edit.start, -1))
    if index < len(ranges):
        start, _ = ranges[index]
        if start == edit.start or start < edit.end:
            return True
    return index > 0 and ranges[index - 1][1] > edit.start


def _find_whole_segment(source: Source, edit: Edit) -> Segment | None:
    segment = source.find_segment(edit.start)
    if segment is None or edit.end > segment.end or segment.raw_start == segment.raw_end:
        return None
    return segment


def _edit_notebook(source: Source, edits: list[Edit]) -> str:
    by_segment: dict[Segment, list[Edit]] = {}
    for edit in edits:
        segment = _find_whole_segment(source, edit)
        if segment is not None:
            start, end = edit.start - segment.start, edit.end - segment.start
            by_segment.setdefault(segment, []).append(Edit(start, end, edit.text))
    changed = {
        segment: apply_edits(json.loads(source.raw[segment.raw_start : segment.raw_end]), inner)
        for segment, inner in by_segment.items()
    }
    return write_notebook(source, changed)
