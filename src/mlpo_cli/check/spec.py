"""A compiled pipeline of KFP v2: its YAML or JSON with the position of each value.

Aliases are not copied but point to the same value, so that no document grows when it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from mlpo_cli.check.model import Place
from mlpo_cli.check.source import Source, TooLargeError, UnreadableError

MOST_DEPTH = 100
MOST_VALUES = 60_000
# Without its part in C, PyYAML takes ten times as long.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SHARE = 1 if hasattr(yaml, "CSafeLoader") else 10


@dataclass(eq=False)
class Value:
    """A value of a document: a text, a list of values, or values by key; and where it is."""

    data: str | list[Value] | dict[str, Value]
    start: int
    end: int

    def get(self, *keys: str) -> Value | None:
        """Return the value below some keys; None if there is none."""
        value: Value | None = self
        for key in keys:
            data = value.data if value else None
            value = data.get(key) if isinstance(data, dict) else None
        return value

    @property
    def text(self) -> str:
        """The text of a scalar; empty for anything else."""
        return self.data if isinstance(self.data, str) else ""

    def items(self) -> Iterator[tuple[str, Value]]:
        """Yield the values by key; nothing if these are no values by key."""
        yield from self.data.items() if isinstance(self.data, dict) else ()

    def __iter__(self) -> Iterator[Value]:
        yield from self.data if isinstance(self.data, list) else ()


class Spec:
    """A compiled pipeline. `root` has `components`, `deploymentSpec`, `pipelineInfo`, `root`."""

    def __init__(self, source: Source, root: Value) -> None:
        self.source = source
        self.root = root

    @property
    def path(self) -> str:
        """The file as it is shown."""
        return self.source.path

    def span(self, node: Value) -> tuple[int, int]:
        """Return where a value starts and ends in the text."""
        return node.start, node.end

    def locate(self, start: int, end: int) -> tuple[Place, str]:
        """Return the place of a part of the text, and the line that it begins in."""
        return self.source.locate(start, end)

    @cached_property
    def containers(self) -> dict[str, Value]:
        """The container of each executor by the executor's name, without `exec-`."""
        executors = self.root.get("deploymentSpec", "executors")
        found = ((name, e.get("container")) for name, e in (executors.items() if executors else ()))
        return {name.removeprefix("exec-"): value for name, value in found if value}


def read_spec(source: Source) -> Spec | None:
    """Read a document of YAML or JSON. None if it is no compiled pipeline.

    Raises UnreadableError for what is not valid, TooLargeError beyond the limits.
    """
    try:
        root = _Reader(source.text).read()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        offset = min(mark.index, len(source.text)) if mark else 0
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable"
        raise UnreadableError(f"no valid YAML: {reason}", offset) from error
    except (RecursionError, ValueError, OverflowError) as error:
        raise UnreadableError("no valid YAML") from error
    for keys in ((), ("pipelineSpec",), ("spec", "pipelineSpec")):  # the latter are of Vertex, K8s
        value = root.get(*keys) if root else None
        if value and value.get("pipelineInfo") and value.get("deploymentSpec"):
            return Spec(source, value)
    return None


class _Reader:
    """Reads the first document of a text. A second one of KFP holds settings of the platform."""

    def __init__(self, text: str) -> None:
        self.events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self.anchors: dict[str | None, Value] = {}
        self.values = 0
        self._end = 0  # of the last event

    def read(self) -> Value | None:
        next(self.events)
        if not isinstance(next(self.events), yaml.DocumentStartEvent):
            return None
        return self._read(next(self.events), 0)

    def _read(self, event: Any, depth: int) -> Value:
        self.values += 1
        if self.values * _SHARE > MOST_VALUES:
            raise TooLargeError(f"with more than {MOST_VALUES // _SHARE:,} values")
        if depth > MOST_DEPTH:
            raise TooLargeError("nested too deeply")
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.AliasEvent):
            return self.anchors.get(event.anchor) or Value("", start, end)
        if isinstance(event, yaml.ScalarEvent):
            return self._name(event, Value(event.value, start, end))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._read_list(event, Value([], start, start), depth)
        return self._read_mapping(event, Value({}, start, start), depth)

    def _next(self) -> Any:
        event = next(self.events)
        self._end = event.end_mark.index
        return event

    def _name(self, event: Any, value: Value) -> Value:
        if event.anchor is not None:
            self.anchors[event.anchor] = value
        return value

    def _read_list(self, event: Any, value: Value, depth: int) -> Value:
        self._name(event, value)
        items: list[Value] = []
        while not isinstance(inner := self._next(), yaml.SequenceEndEvent):
            items.append(self._read(inner, depth + 1))
        value.data, value.end = items, self._end
        return value

    def _read_mapping(self, event: Any, value: Value, depth: int) -> Value:
        self._name(event, value)
        items: dict[str, Value] = {}
        while not isinstance(inner := self._next(), yaml.MappingEndEvent):
            key = self._read(inner, depth + 1)
            items[key.text] = self._read(self._next(), depth + 1)
        value.data, value.end = items, self._end
        return value
