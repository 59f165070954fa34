"""The code of a notebook as one text, with the way back to its cells and to its JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from mlpo_cli.check.source import (
    MAX_CODE,
    Segment,
    Source,
    TooLargeError,
    UnreadableError,
    check_size,
    decode,
)

# Lines that IPython reads and Python does not. `%%NAME` makes another language of a whole cell,
# except for these, which run it as Python.
_PYTHON_CELLS = re.compile(r"%%(time|timeit|capture|prun|writefile\s+\S+\.py)\b")
# A command goes on after a line that ends with a backslash.
_REST = r"(?:[^\n]*\\\r?\n)*[^\n]*$"
_COMMAND = re.compile(
    rf"^([ \t]*)(?:%{{1,2}}[a-zA-Z]|[!?]){_REST}|^([ \t]*)[\w.]+\?\??[ \t]*$", re.M
)
_ASSIGNED_COMMAND = re.compile(rf"^([ \t]*[\w., ]+=[ \t]*)(?:%[a-zA-Z]|!){_REST}", re.M)
# The only line of a cell may be a command without its `%`.
_ONLY_COMMAND = re.compile(
    r"\s*(?:cd|ls|pip|conda|cat|cp|mv|rm|mkdir|env|run|time|timeit|load_ext|matplotlib)"
    r"[ \t]+(?!=|[^\w\s]=|in\b|is\b)[^\n]*\s*"
)
MOST_MISSES = (
    20  # strings of code that are not found in the JSON, until the others are not looked for
)


def read_notebook(data: bytes, path: str) -> Source:
    """Read a notebook. Commands for IPython are replaced by something of the same length.

    Raises UnreadableError for what is no notebook, TooLargeError beyond the limits.
    """
    check_size(len(data), "notebook")
    raw, encoding = decode(data, "notebook")
    parts: list[str] = []
    segments: list[Segment] = []
    offset = 0
    find_string = _Finder(raw)
    for number, strings in _list_code(raw):
        cell = "".join(strings)
        masked = mask_commands(cell)
        start, cell_line = 0, 1
        for string in strings:
            end = start + len(string)
            place = find_string(string)
            segments.append(Segment(offset + start, offset + end, *place, number, cell_line))
            start += len(string)
            cell_line += string.count("\n")
        parts.append(masked if masked.endswith("\n") else masked + "\n")
        offset += len(parts[-1])
        if offset > MAX_CODE:
            raise TooLargeError(f"with more than {MAX_CODE // 1024:,} KiB of code")
    return Source(path, "".join(parts), "notebook", encoding, raw, tuple(segments))


def _list_code(raw: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each cell of Python code, and the strings that its code is made of."""
    try:
        document = json.loads(raw)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"no valid JSON: {error.msg}", error.pos) from error
    except (RecursionError, ValueError) as error:
        raise UnreadableError(
            "no valid JSON: nested too deeply, or a number is too long"
        ) from error
    document = document if isinstance(document, dict) else {}
    if not _is_python(document):
        return
    cells = document.get("cells")
    if not isinstance(cells, list):  # the third version of the format had worksheets
        raise UnreadableError("no notebook: it has no list of cells")
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source")
            lines = [source] if isinstance(source, str) else source
            if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
                yield number, [line for line in lines if line]


def _is_python(document: dict[str, Any]) -> bool:
    """Whether the language of a notebook is Python, which it is if it names none."""
    metadata = document.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = kernel.get("language") if isinstance(kernel, dict) else None
    return not isinstance(language, str) or language.lower() == "python"


class _Finder:
    """Finds strings in JSON, one after the other."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.position, self.line, self.misses = 0, 1, 0

    def __call__(self, string: str) -> tuple[int, int, int]:
        """Return where a string starts and ends, and its line. Where it is not found, no range."""
        for is_ascii in (False, True) if self.misses < MOST_MISSES else ():
            encoded = json.dumps(string, ensure_ascii=is_ascii)
            start = self.raw.find(encoded, self.position)
            if start >= 0:
                self.line += self.raw.count("\n", self.position, start)
                self.position = start + len(encoded)
                return start, self.position, self.line
        self.misses += 1
        return self.position, self.position, self.line


def mask_commands(cell: str) -> str:
    """Replace IPython's commands in a cell by `0`, and other languages by nothing."""
    if cell.lstrip().startswith("%%") and not _PYTHON_CELLS.match(cell.lstrip()):
        return _blank(cell)
    if _ONLY_COMMAND.fullmatch(cell):
        return _blank(cell)
    if "%" not in cell and "!" not in cell and "?" not in cell:
        return cell
    masked = _COMMAND.sub(_replace_command, cell)
    return _ASSIGNED_COMMAND.sub(_replace_command, masked)


def _replace_command(match: re.Match[str]) -> str:
    kept = next((group for group in match.groups() if group is not None), "")
    return f"{kept}0{_blank(match[0][len(kept) + 1 :])}"


def _blank(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)


def write_notebook(source: Source, changed: dict[Segment, str]) -> str:
    """Return the JSON of a notebook with other strings in the place of some segments."""
    raw = source.raw
    for segment in sorted(changed, key=lambda segment: -segment.raw_start):
        old = raw[segment.raw_start : segment.raw_end]
        new = json.dumps(changed[segment], ensure_ascii=old.isascii())
        raw = raw[: segment.raw_start] + new + raw[segment.raw_end :]
    return raw
