"""Comments that switch rules off: `# mlpo: ignore[MLP201] reason`, `# mlpo: ignore-file`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mlpo_cli.check.model import Finding
from mlpo_cli.check.scan import scan
from mlpo_cli.check.source import Source

MENTION = "mlpo:"
MOST_LINES = 1000  # of a finding, on which a comment is looked for
_COMMENT = re.compile(r"#\s*mlpo:\s*(ignore(?:-file)?)\b(?:\s*\[([^\]\r\n]*)\])?")
_YAML_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\r\n]*", re.M)
_ALL = ("MLP",)


@dataclass
class Suppressions:
    """The rules that are switched off, as beginnings of ids: in the whole file, and by line.

    The lines are those of findings: in a notebook those of its file. `written` has each id that a
    comment names, with its line.
    """

    whole_file: set[str] = field(default_factory=set)
    lines: dict[int, set[str]] = field(default_factory=dict)
    written: list[tuple[int, str]] = field(default_factory=list)

    def includes(self, finding: Finding) -> bool:
        """Whether a finding is switched off: in the file, or on one of its lines."""
        ids = set(self.whole_file)
        place = finding.place
        last = min(place.end_line, place.line + MOST_LINES)
        for line in range(place.line, last + 1) if self.lines else ():
            ids |= self.lines.get(line, set())
        return finding.rule.startswith(tuple(ids))

    def list_unknown(self, known: Iterable[str]) -> Iterator[tuple[int, str]]:
        """Yield the line and the id of each rule that a comment names and that does not exist."""
        known = tuple(known)
        for line, id in self.written:
            if not any(rule.startswith(id) for rule in known):
                yield line, id


def read_suppressions(source: Source) -> Suppressions:
    """Read the comments of a text that switch rules off."""
    suppressions = Suppressions()
    for start, end in _list_comments(source) if MENTION in source.text else ():
        match = _COMMENT.search(source.text[start:end])
        if match is None:
            continue
        ids = tuple(word.upper() for word in re.split(r"[\s,]+", match[2] or "") if word)
        place, _ = source.locate(start, start)
        suppressions.written += [(place.line, id) for id in ids]
        if match[1] == "ignore-file":
            suppressions.whole_file |= set(ids or _ALL)
        else:
            line = _find_line(source, start)
            suppressions.lines.setdefault(line, set()).update(ids or _ALL)
    return suppressions


def _find_line(source: Source, start: int) -> int:
    """Return the line of a comment or, if nothing else is on that line, of the next code."""
    line, column = source.find_position(start)
    if not source.get_line(line)[: column - 1].strip():
        following = range(line + 1, len(source.line_starts) + 1)
        contents = ((number, source.get_line(number).strip()) for number in following)
        line = next((n for n, text in contents if text and not text.startswith("#")), line)
    offset = source.line_starts[line - 1]
    return source.locate(offset, offset)[0].line


def _list_comments(source: Source) -> Iterable[tuple[int, int]]:
    if source.kind == "spec":
        return (match.span() for match in _YAML_COMMENT.finditer(source.text))
    return scan(source.text).comments
