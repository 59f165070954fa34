"""Find strings and comments in Python code, also in f-strings as Python 3.12 reads them.

The syntax tree has no comments, and no older Python reads an f-string in which its own quotes are
used again. This looks at nothing else of the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST_LEVELS = 20  # of f-strings in f-strings

_START = r"(?:\b(?P<prefix>(?i:[rbuft]|[rbft]{2})))?(?P<quote>\"\"\"|'''|\"|')"
_CODE = re.compile(_START + r"|(?P<comment>#[^\r\n]*)|(?P<join>\\\r?\n)|[()\[\]{}\r\n]")
_FIELD = re.compile(_START + r"|(?P<comment>#[^\r\n]*)|(?P<join>\\\r?\n)|[()\[\]{}:!\r\n]")
_REST = {  # the rest of a string, up to its end
    '"': re.compile(r'[^"\\\r\n]*(?:\\(?:\r\n|[\s\S])[^"\\\r\n]*)*"'),
    "'": re.compile(r"[^'\\\r\n]*(?:\\(?:\r\n|[\s\S])[^'\\\r\n]*)*'"),
    '"""': re.compile(r'[^"\\]*(?:(?:\\[\s\S]|"(?!""))[^"\\]*)*"""'),
    "'''": re.compile(r"[^'\\]*(?:(?:\\[\s\S]|'(?!''))[^'\\]*)*'''"),
}
_LITERAL = re.compile(r"[^\\{}\"'\r\n]+")
_SPECIFIER = re.compile(r"(?<![=!<>])=\s*\Z")  # of `{value=}`


@dataclass(frozen=True)
class Piece:
    """A literal part of an f-string (`is_code` is false), or the code of one of its fields."""

    start: int
    end: int
    is_code: bool


@dataclass(frozen=True)
class String:
    """A string as it is written. `pieces` are those of an f-string, in order.

    `needs_new_grammar`: Python reads it since 3.12.
    """

    start: int
    end: int
    prefix: str
    pieces: tuple[Piece, ...] = ()
    needs_new_grammar: bool = False


@dataclass(frozen=True)
class Scan:
    """The strings of a text in groups that Python joins, and the ranges of the comments."""

    groups: tuple[tuple[String, ...], ...]
    comments: tuple[tuple[int, int], ...]

    def list_masked(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges that hold no code."""
        yield from self.comments
        for group in self.groups:
            yield from ((string.start, string.end) for string in group)


def scan(text: str) -> Scan:
    """Scan Python code, up to a string that does not end."""
    scanner = _Scanner(text)
    scanner.scan_code(0, level=0)
    return Scan(tuple(map(tuple, scanner.groups)), tuple(scanner.comments))


def mask(text: str, ranges: Iterator[tuple[int, int]]) -> str:
    """Return a text of the same length with spaces instead of what is in the ranges."""
    parts, position = [], 0
    for first, end in sorted(ranges):
        if end > position:
            start = max(first, position)
            parts += [text[position:start], re.sub(r"[^\r\n]", " ", text[start:end])]
            position = end
    return "".join([*parts, text[position:]])


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.groups: list[list[String]] = []
        self.comments: list[tuple[int, int]] = []

    def scan_code(self, position: int, level: int) -> int:
        """Scan up to the end of the text or, in a field of an f-string, to the end of its code.

        Returns where that is: at one of `}`, `:` and `!`, or -1 if there is none.
        """
        pattern = _FIELD if level else _CODE
        joined_to: list[String] | None = None
        depth, last_end = 0, position
        while match := pattern.search(self.text, position):
            position, word = match.end(), match[0]
            if joined_to is not None and self.text[last_end : match.start()].strip(" \t\f"):
                joined_to = None
            last_end = position
            if match["quote"]:
                string = self._scan_string(match, level)
                if string is None:  # no Python reads the rest
                    return -1
                if joined_to is None:
                    joined_to = []
                    self.groups.append(joined_to)
                joined_to.append(string)
                position = last_end = string.end
            elif match["comment"]:
                self.comments.append(match.span())
            elif match["join"]:
                continue
            elif word in "\r\n":
                if depth == 0 and not level:
                    joined_to = None
            else:
                joined_to = None
                if word in "([{":
                    depth += 1
                elif word in ")]}" and depth:
                    depth -= 1
                elif level and depth == 0 and self._ends_field(match.start(), word):
                    return match.start()
        return -1

    def _ends_field(self, start: int, word: str) -> bool:
        return word in "}:" or (word == "!" and self.text[start + 1 : start + 2] != "=")

    def _scan_string(self, match: re.Match[str], level: int) -> String | None:
        prefix, quote = (match["prefix"] or "").lower(), match["quote"]
        if "f" in prefix or "t" in prefix:
            if level >= MOST_LEVELS:
                return None
            marks = len(self.groups), len(self.comments)
            string = self._scan_formatted(match.start(), match.end(), prefix, quote, level)
            if string is None:
                del self.groups[marks[0] :], self.comments[marks[1] :]
            return string
        rest = _REST[quote].match(self.text, match.end())
        return String(match.start(), rest.end(), prefix) if rest else None

    def _scan_formatted(
        self, start: int, position: int, prefix: str, quote: str, level: int
    ) -> String | None:
        pieces: list[Piece] = []
        literal, fields = position, 0  # the start of the literal; how many format specs are open
        is_new, text = False, self.text
        while position < len(text):
            if plain := _LITERAL.match(text, position):
                position = plain.end()
                continue
            char = text[position]
            if not fields and text.startswith(quote, position):
                pieces.append(Piece(literal, position, False))
                end = position + len(quote)
                return String(start, end, prefix, tuple(pieces), is_new)
            if char == "\\":
                position += 2
            elif char in "\r\n" and len(quote) == 1:
                return None
            elif char in "{}" and text[position + 1 : position + 2] == char and not fields:
                position += 2
            elif char == "{":
                pieces.append(Piece(literal, position, False))
                comments = len(self.comments)
                end = self.scan_code(position + 1, level + 1)
                if end < 0:
                    return None
                code = text[position + 1 : end]
                has_comment = len(self.comments) > comments
                is_new = is_new or has_comment or _needs_new_grammar(code, quote)
                shown = _SPECIFIER.search(code)
                stop = position + 1 + shown.start() if shown else end
                pieces.append(Piece(position + 1, stop, True))
                if text[end] == "!":
                    name = re.compile(r"!\s*\w*\s*").match(text, end)
                    end = name.end() if name else end
                if text[end : end + 1] == ":":
                    fields += 1
                elif text[end : end + 1] != "}":
                    return None
                position = literal = end + 1
            elif char == "}":
                if not fields:
                    return None
                fields -= 1
                pieces.append(Piece(literal, position, False))
                position = literal = position + 1
            else:
                position += 1
        return None


def _needs_new_grammar(code: str, quote: str) -> bool:
    """Whether older Pythons refuse this code in a field of an f-string with these quotes."""
    if quote in code or "\\" in code:
        return True
    return len(quote) == 1 and ("\n" in code or "\r" in code)
