"""Read the bytes of a file: their encoding, their limits, and where each character is."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath

from mlpo_cli.check.model import Place

# Within these, no file takes a second.
MAX_CODE = 512 * 1024
MAX_NOTEBOOK = 8 * 1024 * 1024
MAX_LINE = 1000  # characters of a line that reports quote

KINDS = {
    ".py": "python",
    ".pyi": "python",
    ".ipynb": "notebook",
    ".yaml": "spec",
    ".yml": "spec",
    ".json": "spec",
}
_NEWLINE = re.compile(r"\r\n|\r|\n")


class UnreadableError(Exception):
    """A file cannot be read. Its text says why, and `offset` is where in the text, if known."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class TooLargeError(Exception):
    """A file is beyond the limits. Its text says which."""


@dataclass(frozen=True)
class Segment:
    """A part of a notebook's code that is one string in its JSON.

    `start` and `end` are offsets in the code, `raw_start` and `raw_end` in the JSON. `file_line` is
    the line of the file, `cell_line` that of the cell.
    """

    start: int
    end: int
    raw_start: int
    raw_end: int
    file_line: int
    cell: int
    cell_line: int


@dataclass(frozen=True)
class Source:
    """The text of a file as it is checked. For a notebook that is its code, and `raw` is its JSON.

    `path` is the file as it is shown, `encoding` what the text is encoded in.
    """

    path: str
    text: str
    kind: str
    encoding: str = "utf-8"
    raw: str = ""
    segments: tuple[Segment, ...] = field(default=(), repr=False)

    @cached_property
    def line_starts(self) -> list[int]:
        """The offset of each line. Lines end as those of Python do."""
        return [0, *(match.end() for match in _NEWLINE.finditer(self.text))]

    @cached_property
    def _segment_starts(self) -> list[int]:
        return [segment.start for segment in self.segments]

    def get_line(self, number: int) -> str:
        """Return a line, counted from 1, without its end."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def find_offset(self, line: int, utf8_column: int) -> int:
        """Return the offset of a position as syntax trees have it: the column is in UTF-8 bytes."""
        line = min(max(line, 1), len(self.line_starts))
        start, content = self.line_starts[line - 1], self.get_line(line)
        if content.isascii():
            return start + min(utf8_column, len(content))
        encoded = content.encode("utf-8", "surrogatepass")[:utf8_column]
        return start + len(encoded.decode("utf-8", "ignore"))

    def find_position(self, offset: int) -> tuple[int, int]:
        """Return the line and the column of an offset, both counted from 1."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def find_segment(self, offset: int) -> Segment | None:
        """Return the segment of a notebook that holds an offset."""
        index = bisect_right(self._segment_starts, offset) - 1
        return self.segments[index] if index >= 0 else None

    def locate(self, start: int, end: int) -> tuple[Place, str]:
        """Return the place of a part of the text, and the line that it begins in."""
        (line, column), (end_line, end_column) = map(self.find_position, (start, max(start, end)))
        code = self.get_line(line).strip()[:MAX_LINE]
        segment = self.find_segment(start)
        if segment is None:
            return Place(line, column, end_line, end_column), code
        # The lines of a cell are lines of the file too, if the notebook is written as usual.
        inside = line - self.find_position(segment.start)[0]
        last = self.find_segment(max(start, end - 1)) or segment
        place = Place(
            segment.file_line,
            column,
            max(last.file_line, segment.file_line),
            end_column,
            segment.cell,
            segment.cell_line + inside,
        )
        return place, code


def find_kind(path: str) -> str | None:
    """Return what a file holds by its name: python, notebook or spec; None for anything else."""
    return KINDS.get(PurePath(path).suffix.lower())


def decode(data: bytes, kind: str) -> tuple[str, str]:
    """Return the text of a file and its encoding. Python files may declare one.

    Raises UnreadableError.
    """
    if kind != "python":
        return _decode(data, "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except (SyntaxError, LookupError, ValueError) as error:
        raise UnreadableError(f"its encoding is not known: {_first_line(error)}") from error
    return _decode(data, encoding)


def _decode(data: bytes, encoding: str) -> tuple[str, str]:
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableError(f"line {line} is not {encoding}") from error
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise UnreadableError(f"{encoding} is no encoding of text") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def check_size(size: int, kind: str) -> None:
    """Raise TooLargeError for a file of so many bytes if it is not checked."""
    most = MAX_NOTEBOOK if kind == "notebook" else MAX_CODE
    if size > most:
        raise TooLargeError(f"larger than {most // 1024:,} KiB")
