"""Parse Python code with the grammar of this Python, or of a newer one."""

from __future__ import annotations

import ast
import sys
import warnings
from dataclasses import dataclass

from mlpo_cli.check.model import Place
from mlpo_cli.check.names import TooDeepError
from mlpo_cli.check.repair import Version, find_new_strings, repair, restore_strings
from mlpo_cli.check.source import Source

RUNNING: Version = sys.version_info[:2]
OLDEST: Version = (3, 7)  # that `ast.parse` can imitate


@dataclass(frozen=True)
class Refusal:
    """Why a Python does not read a text, where, and since which version Python does.

    `needs` is None if no known version of Python 3 reads it.
    """

    reason: str
    offset: int
    needs: Version | None


@dataclass(frozen=True)
class Parsed:
    """The syntax tree of a text; None if no known Python reads it. `refusal` is the target's."""

    tree: ast.Module | None
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Unparsed:
    """A text that cannot be read, or not by the Python `target`. What `check_text` reads.

    `source` is None where not even the characters are known.
    """

    path: str
    kind: str
    reason: str
    offset: int
    needs: Version | None
    target: Version
    source: Source | None

    def span(self, node: object) -> tuple[int, int]:
        """Return where the reason is in the text. There are no nodes."""
        return self.offset, self.offset

    def locate(self, start: int, end: int) -> tuple[Place, str]:
        """Return the place of a part of the text, and the line that it begins in."""
        if self.source is None:
            return Place(1, 1, 1, 1), ""
        return self.source.locate(start, end)


def parse(source: Source, target: Version = RUNNING) -> Parsed:
    """Parse a text, and say why the Python `target` does not read it.

    Raises TooDeepError.
    """
    try:
        parsed = _parse(source, target)
        if parsed.tree is None and source.kind == "notebook":
            return _parse_cells(source, target, parsed)
        return parsed
    except (RecursionError, MemoryError) as error:
        raise TooDeepError from error


def _parse(source: Source, target: Version) -> Parsed:
    tree = _try(source.text)
    if isinstance(tree, ast.Module):
        return Parsed(tree, _refuse_for(source, target))
    repaired = repair(source.text)
    newer = _try(repaired.text) if repaired else None
    if repaired is None or not isinstance(newer, ast.Module):
        return Parsed(None, _describe(source, tree))
    starts = {}
    for offset, group in repaired.joined.items():
        line, column = source.find_position(offset)
        before = source.text[offset - column + 1 : offset]
        starts[line, len(before.encode("utf-8", "surrogatepass"))] = group
    restore_strings(newer, source.text, starts)
    if repaired.needs <= target:
        return Parsed(newer)
    return Parsed(newer, Refusal(repaired.reason, repaired.offset, repaired.needs))


def _try(text: str, version: Version | None = None) -> ast.Module | SyntaxError:
    """Parse a text as a version of Python at most as new as this one, or return its error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, feature_version=version)
    except SyntaxError as error:
        return error
    except ValueError as error:  # a null character, before Python 3.12
        return SyntaxError(str(error))


def _refuse_for(source: Source, target: Version) -> Refusal | None:
    """Say why a Python that is older than this one does not read a text that this one reads."""
    if target >= RUNNING:
        return None
    older = _try(source.text, max(target, OLDEST))
    if isinstance(older, SyntaxError):
        minors = range(target[1] + 1, RUNNING[1] + 1)
        needs = next((3, m) for m in minors if isinstance(_try(source.text, (3, m)), ast.Module))
        described = _describe(source, older)
        return Refusal(described.reason, described.offset, needs)
    offset = find_new_strings(source.text) if target < (3, 12) else None
    if offset is None:
        return None
    return Refusal("quotes or lines in the fields of f-strings", offset, (3, 12))


def _describe(source: Source, error: object) -> Refusal:
    """Describe a syntax error. Its column is in characters, as Python counts them, from 1."""
    line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
    line = min(line, len(source.line_starts))
    offset = source.line_starts[line - 1] + min(max(column - 1, 0), len(source.get_line(line)))
    reason = str(getattr(error, "msg", error))
    return Refusal(reason.partition("\n")[0][:200], offset, None)


def _parse_cells(source: Source, target: Version, whole: Parsed) -> Parsed:
    """Parse a notebook cell by cell, so that one that is wrong does not hide the others."""
    body: list[ast.stmt] = []
    cells: dict[int, list[int]] = {}
    for segment in source.segments:
        start, _ = cells.setdefault(segment.cell, [segment.start, segment.end])
        cells[segment.cell] = [start, segment.end]
    for start, end in cells.values():
        before = "\n" * (source.find_position(start)[0] - 1)
        part = Source(source.path, before + source.text[start:end], "python")
        parsed = _parse(part, target)
        body += parsed.tree.body if parsed.tree else []
    return Parsed(ast.Module(body=body, type_ignores=[]), whole.refusal)
