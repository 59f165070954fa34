"""Rewrite what only a newer Python reads, so that this one reads it, with all positions kept.

Every replacement is as long as what it replaces.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mlpo_cli.check.scan import Piece, Scan, String, mask, scan

Version = tuple[int, int]


@dataclass(frozen=True)
class Repair:
    """A text that more Pythons read. `needs` is what the original needs, `reason` why.

    `offset` is where the newest construct is. `joined` are the groups of strings that became
    tuples, by the offset at which they start.
    """

    text: str
    needs: Version
    reason: str
    offset: int
    joined: Mapping[int, tuple[String, ...]]


@dataclass(frozen=True)
class _Change:
    start: int
    end: int
    text: str
    needs: Version
    reason: str


def repair(text: str) -> Repair | None:
    """Rewrite a text that does not parse. Returns None if there is nothing to rewrite."""
    scanned = scan(text)
    changes, joined = list(_change_strings(text, scanned)), {}
    for group in scanned.groups:
        if any(string.needs_new_grammar for string in group):
            joined[group[0].start] = group
    changes += _change_statements(mask(text, scanned.list_masked()))
    if not changes:
        return None
    newest = max(changes, key=lambda change: (change.needs, -change.start))
    return Repair(
        _apply(text, changes, joined.values()), newest.needs, newest.reason, newest.start, joined
    )


def find_new_strings(text: str) -> int | None:
    """Return the offset of the first f-string that Python reads since 3.12."""
    starts = [s.start for group in scan(text).groups for s in group if s.needs_new_grammar]
    return min(starts, default=None)


def _change_strings(text: str, scanned: Scan) -> Iterator[_Change]:
    for string in (string for group in scanned.groups for string in group):
        if "t" in string.prefix:
            start = string.start + string.prefix.index("t")
            yield _Change(start, start + 1, "f", (3, 14), "t-strings")
        if string.needs_new_grammar:
            reason = "quotes, backslashes, comments or lines in the fields of f-strings"
            yield _Change(string.start, string.start, "", (3, 12), reason)


_GROUPS_OF_EXCEPTIONS = re.compile(r"\bexcept\s*(\*)")
_TYPE_STATEMENT = re.compile(r"^[ \t]*type([ \t])[ \t]*[A-Za-z_]\w*[ \t]*[\[=](?!=)", re.M)
_TYPE_PARAMETERS = re.compile(r"^[ \t]*(?:(?:async[ \t]+)?def|class|type)[ \t]+\w+[ \t]*(\[)", re.M)
_BARE_EXCEPTIONS = re.compile(r"^[ \t]*except[ \t]+[\w.]+[ \t]*(,[^:()\r\n]*):", re.M)
_PYTHON_2_NAME = re.compile(r",\s*[a-z]\w*\s*")  # `except Error, error:` names the exception there
_LAZY_IMPORT = re.compile(r"^[ \t]*lazy([ \t])[ \t]*(?:import|from)\b", re.M)


def _change_statements(code: str) -> Iterator[_Change]:
    """Yield the changes of what is no string. Strings and comments are masked in the code."""
    for match in _GROUPS_OF_EXCEPTIONS.finditer(code):
        yield _Change(*match.span(1), " ", (3, 11), "`except*`")
    for match in _TYPE_STATEMENT.finditer(code):
        yield _Change(*match.span(1), ";", (3, 12), "the `type` statement")
    for match in _TYPE_PARAMETERS.finditer(code):
        end = _find_bracket(code, match.start(1))
        if end is not None:
            blank = " " * (end - match.start(1))
            yield _Change(match.start(1), end, blank, (3, 12), "type parameters")
    for match in _BARE_EXCEPTIONS.finditer(code):
        if not _PYTHON_2_NAME.fullmatch(match[1]):
            blank = " " * len(match[1])
            yield _Change(*match.span(1), blank, (3, 14), "`except` without parentheses")
    for match in _LAZY_IMPORT.finditer(code):
        yield _Change(*match.span(1), ";", (3, 15), "lazy imports")


def _find_bracket(code: str, start: int) -> int | None:
    """Return where the bracket that opens at `start` is closed, on the same line."""
    depth = 0
    for match in re.compile(r"[\[\]\r\n]").finditer(code, start):
        if match[0] in "\r\n":
            return None
        depth += 1 if match[0] == "[" else -1
        if depth == 0:
            return match.end()
    return None


def _apply(text: str, changes: Iterable[_Change], joined: Iterable[tuple[String, ...]]) -> str:
    """Apply the changes. A group of strings becomes a tuple of the code of its fields."""
    chars = list(text)
    for change in changes:
        chars[change.start : change.end] = change.text
    # The outer strings first: what is in their fields is kept, and then changed itself.
    for group in sorted(joined, key=lambda group: group[0].start):
        start, end = group[0].start, group[-1].end
        kept = [piece for string in group for piece in string.pieces if piece.is_code]
        code = {index for piece in kept for index in range(piece.start, piece.end)}
        for index in range(start, end):
            if index not in code and chars[index] not in "\r\n":
                chars[index] = " "
        for piece in kept:
            chars[piece.end] = ","
        chars[start], chars[end - 1] = "(", ")"
    return "".join(chars)


def restore_strings(
    tree: ast.AST, text: str, starts: Mapping[tuple[int, int], tuple[String, ...]]
) -> None:
    """Put f-strings in a tree where `repair` made tuples of them.

    `starts` has their strings by the line and the column (in bytes) of their start.
    """
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if isinstance(value, ast.Tuple):
                setattr(parent, name, _restore(value, text, starts))
            elif isinstance(value, list):
                value[:] = [
                    _restore(item, text, starts) if isinstance(item, ast.Tuple) else item
                    for item in value
                ]


def _restore(
    node: ast.Tuple, text: str, starts: Mapping[tuple[int, int], tuple[String, ...]]
) -> ast.expr:
    group = starts.get((node.lineno, node.col_offset))
    if group is None:
        return node
    values: list[ast.expr] = []
    fields = iter(node.elts)
    for piece in (piece for string in group for piece in _list_pieces(string, text)):
        if piece.is_code:
            field = next(fields, None)
            if field is not None:
                formatted = ast.FormattedValue(value=field, conversion=-1, format_spec=None)
                values.append(ast.copy_location(formatted, field))
        elif piece.end > piece.start:
            constant = ast.Constant(value=text[piece.start : piece.end])
            values.append(ast.copy_location(constant, node))
    return ast.copy_location(ast.JoinedStr(values=values), node)


def _list_pieces(string: String, text: str) -> Iterable[Piece]:
    if "f" in string.prefix or "t" in string.prefix:
        return string.pieces
    start = string.start + len(string.prefix)
    quotes = 3 if text.startswith(('"""', "'''"), start) else 1
    return (Piece(start + quotes, string.end - quotes, False),)
