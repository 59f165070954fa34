"""Parse YAML (which includes JSON) into plain data, with the line of every value.

It supports only what answers and rules need: mappings with strings or whole numbers as keys, lists,
and the scalars of YAML 1.2 (`yes`, `no` and dates are strings). It refuses duplicate keys, anchors,
tags, deep nesting and very long documents, so that no document can run code or take long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlpo_cli.errors import Problem

Path = tuple[str | int, ...]

MAX_DEPTH = 20
MAX_VALUES = 25_000  # the largest file that mlpo ships has 600
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,3})?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass
class YamlDocument:
    """A parsed document: its data, the line of each path, and the problems.

    `name` is its file; `names` holds the files of paths that come from another file, as in merged
    rules. `values` counts the values.
    """

    name: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    names: dict[Path, str] = field(default_factory=dict)
    values: int = 0

    def locate(self, path: Path) -> str:
        """Return `file:line` of a value, or of the nearest value that contains it."""
        while path not in self.lines and path:
            path = path[:-1]
        return f"{self.names.get(path, self.name)}:{self.lines.get(path, 1)}"


def parse_yaml(text: str, name: str) -> YamlDocument:
    """Parse a document. It never raises: mistakes are in the `problems` of the result."""
    document = YamlDocument(name)
    try:
        events = yaml.parse(text, Loader=_LOADER)
        next(events)
        if isinstance(next(events), yaml.DocumentStartEvent):
            document.data = _parse_value(next(events), events, document, ())
    except _InvalidDocument as error:
        document.problems.append(error.problem)
    except yaml.YAMLError as error:
        document.problems.append(_describe_syntax_error(error, text, name))
    return document


class _InvalidDocument(Exception):
    def __init__(self, where: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.problem = Problem(where, what, fix)


def _describe_syntax_error(error: yaml.YAMLError, text: str, name: str) -> Problem:
    """Describe a syntax error. One at the end of the file is reported for the last line."""
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable"
    last = text.rstrip().count("\n") + 1
    where = f"{name}:{min(mark.line + 1, last)}" if mark else name
    return Problem(where, f"not valid YAML or JSON: {what}", "correct the syntax there")


def _parse_value(event: Any, events: Iterator[Any], document: YamlDocument, path: Path) -> Any:
    """Parse the value that begins with `event`, and record its line."""
    where = f"{document.name}:{event.start_mark.line + 1}"
    document.lines[path] = event.start_mark.line + 1
    document.values += 1
    if document.values > MAX_VALUES:
        raise _InvalidDocument(where, "too many values", f"use at most {MAX_VALUES:,}")
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise _InvalidDocument(where, "anchors and aliases are not supported", "repeat the value")
    if event.tag is not None:
        raise _InvalidDocument(where, f"the tag {event.tag} is not supported", "remove the tag")
    if len(path) > MAX_DEPTH:
        raise _InvalidDocument(where, "nested too deeply", f"use at most {MAX_DEPTH} levels")
    if isinstance(event, yaml.ScalarEvent):
        return _parse_scalar(event.value) if event.implicit[0] else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Any] = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(_parse_value(item, events, document, (*path, len(items))))
        return items
    mapping: dict[str | int, Any] = {}
    while not isinstance(key_event := next(events), yaml.MappingEndEvent):
        key = _parse_key(key_event, document)
        line = key_event.start_mark.line + 1
        value = _parse_value(next(events), events, document, (*path, key))
        if key in mapping:
            document.problems.append(
                Problem(f"{document.name}:{line}", f"{key} is given twice", "keep one of them")
            )
        mapping[key] = value
        document.lines[(*path, key)] = line
    return mapping


def _parse_key(event: Any, document: YamlDocument) -> str | int:
    where = f"{document.name}:{event.start_mark.line + 1}"
    if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
        raise _InvalidDocument(where, "a key must be a plain word or number", "rename the key")
    number = _parse_scalar(event.value) if event.implicit[0] else None
    return number if type(number) is int else str(event.value)


def _parse_scalar(text: str) -> str | int | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
