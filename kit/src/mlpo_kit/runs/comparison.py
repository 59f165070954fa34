"""Compare runs: their settings, data, code, packages, metrics and stages. Pure, without a store.

The first run is the one that the others are compared with.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlpo_kit.runs.overview import RunOverview
from mlpo_kit.runs.query import is_number
from mlpo_kit.runs.start import Start

Files = Mapping[str, bytes]  # the content of files by path
CONTEXT = 3  # unchanged lines around each change


@dataclass(frozen=True)
class Difference:
    """A name that does not have the same value in all runs; None where a run does not have it."""

    name: str
    values: tuple[Any, ...]  # one per run

    @property
    def change(self) -> float | None:
        """The last value minus the first; None unless both are numbers."""
        first, last = self.values[0], self.values[-1]
        return last - first if is_number(first) and is_number(last) else None


@dataclass(frozen=True)
class FileChange:
    """A file that differs: the numbers of added and removed lines, and a unified diff."""

    path: str
    kind: Literal["added", "removed", "changed"]
    added: int = 0
    removed: int = 0
    diff: str = ""  # empty for a file that is not text
    is_text: bool = True


@dataclass(frozen=True)
class CodeComparison:
    """How the code of one run differs from that of the first."""

    run_id: str
    is_same: bool | None  # None if it is not known
    files: tuple[FileChange, ...] = ()
    notes: tuple[str, ...] = ()  # why the files could not be compared


@dataclass(frozen=True)
class Comparison:
    """What differs between runs. All differences have one value per run, in the same order."""

    runs: tuple[RunOverview, ...]
    settings: tuple[Difference, ...]
    data: tuple[str | None, ...]  # the version of each run's dataset
    code: tuple[CodeComparison, ...]  # one for each run but the first
    packages: tuple[Difference, ...] | None  # None if they are not known of all runs
    metrics: tuple[Difference, ...]  # all, also those that are equal
    notes: tuple[str, ...] = ()  # what could not be compared

    @property
    def has_same_data(self) -> bool | None:
        """Whether all runs have the same dataset; None if that of a run is not known."""
        return None if None in self.data else len(set(self.data)) == 1


def compare_runs(
    runs: Sequence[RunOverview],
    starts: Sequence[Start | None],
    snapshots: Sequence[Files | None],
) -> Comparison:
    """Compare runs with what they started from; `snapshots` hold their code, None if it is gone."""
    first = runs[0]
    return Comparison(
        runs=tuple(runs),
        settings=tuple(compare_settings(runs)),
        data=tuple(run.dataset for run in runs),
        code=tuple(
            _compare_code((first, starts[0], snapshots[0]), other)
            for other in list(zip(runs, starts, snapshots, strict=True))[1:]
        ),
        packages=_compare_packages(starts),
        metrics=tuple(compare_values([run.metrics for run in runs], with_equal=True)),
        notes=tuple(_list_notes(runs, starts)),
    )


def compare_values(
    documents: Sequence[Mapping[str, Any]], with_equal: bool = False
) -> list[Difference]:
    """Return the names whose values are not the same in all documents, in order of appearance.

    A value None counts as missing. With `with_equal` all names are returned.
    """
    names = dict.fromkeys(name for document in documents for name in document)
    rows = [Difference(name, tuple(item.get(name) for item in documents)) for name in names]
    return [row for row in rows if with_equal or not _are_equal(row.values)]


def compare_settings(runs: Sequence[RunOverview]) -> list[Difference]:
    """Return the settings that differ.

    A run without `run.json` knows only the settings of the stages that it reached: the other
    sections are not compared.
    """
    limits = [run.sections for run in runs if not run.has_start]
    known = [
        {
            name: value
            for name, value in run.settings.items()
            if all(name.partition(".")[0] in sections for sections in limits)
        }
        for run in runs
    ]
    return compare_values(known)


def compare_files(before: Files, after: Files) -> list[FileChange]:
    """Compare two sets of files; returns those that differ, by path."""
    paths = sorted(before.keys() | after.keys())
    return [
        _compare_file(path, before.get(path), after.get(path))
        for path in paths
        if before.get(path) != after.get(path)
    ]


def _compare_file(path: str, before: bytes | None, after: bytes | None) -> FileChange:
    kind: Literal["added", "removed", "changed"] = "changed"
    if before is None or after is None:
        kind = "added" if before is None else "removed"
    old, new = _decode(before), _decode(after)
    if old is None or new is None:
        return FileChange(path, kind, is_text=False)
    names = "/dev/null" if before is None else path, "/dev/null" if after is None else path
    lines = list(difflib.unified_diff(old, new, *names, n=CONTEXT, lineterm=""))
    changes = lines[2:]  # after the two lines with the names
    return FileChange(
        path,
        kind,
        added=sum(line.startswith("+") for line in changes),
        removed=sum(line.startswith("-") for line in changes),
        diff="\n".join(lines),
    )


def _decode(content: bytes | None) -> list[str] | None:
    """Return the lines of a text, none for a missing file; None if it is not text."""
    if content is None:
        return []
    if b"\0" in content:
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    lines = text.split("\n")
    if lines[-1] == "":
        return lines[:-1]
    return [*lines[:-1], f"{lines[-1]}\n\\ No newline at end of file"]


_Side = tuple[RunOverview, Start | None, Files | None]


def _compare_code(first: _Side, other: _Side) -> CodeComparison:
    (run, start, files), (other_run, other_start, other_files) = first, other
    digests = start and start.snapshot, other_start and other_start.snapshot
    if digests[0] is not None and digests[0] == digests[1]:
        return CodeComparison(other_run.run_id, is_same=True)
    if files is not None and other_files is not None:
        changes = compare_files(files, other_files)
        return CodeComparison(other_run.run_id, not changes, tuple(changes))
    notes = tuple(
        f"no snapshot was taken of the code of {side.run_id}"
        if digest is None
        else f"the snapshot of the code of {side.run_id} is gone"
        for (side, _, content), digest in zip((first, other), digests, strict=True)
        if content is None
    )
    is_known = run.code and other_run.code
    return CodeComparison(
        other_run.run_id, run.code == other_run.code if is_known else None, notes=notes
    )


def _compare_packages(starts: Sequence[Start | None]) -> tuple[Difference, ...] | None:
    known = [start.packages for start in starts if start is not None and start.packages]
    return tuple(compare_values(known)) if len(known) == len(starts) else None


def _list_notes(runs: Sequence[RunOverview], starts: Sequence[Start | None]) -> list[str]:
    older = [run.run_id for run, start in zip(runs, starts, strict=True) if start is None]
    if not older:
        return []
    return [
        f"{', '.join(older)}: no run.json, so only settings of stages that it reached are compared"
    ]


def _are_equal(values: Sequence[Any]) -> bool:
    """Whether values are equal as JSON: 1 equals 1.0, but not true."""
    first, *rest = values
    return all(
        first == other
        if is_number(first) and is_number(other)
        else json.dumps(first, sort_keys=True) == json.dumps(other, sort_keys=True)
        for other in rest
    )
