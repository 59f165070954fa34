"""A cursor into a YAML document that hands out typed values and collects what is wrong."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from typing import Any

from mlpo_cli.errors import Problem
from mlpo_cli.suggest import suggest
from mlpo_cli.yamlmap import Mapped, Path

_BLANKS = " \t\r\n"
_DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def _changes_terminal(letter: str) -> bool:
    """Whether the letter is a control character, or changes the direction of the text after it."""
    if letter in _BLANKS:
        return False
    control = unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
    return control or unicodedata.bidirectional(letter) in _DIRECTIONS


class Node:
    """A place in a document. Reading a wrong value notes a problem and returns an empty one."""

    def __init__(self, document: Mapped, path: Path = (), value: Any = None) -> None:
        self._document, self.path = document, path
        self.value = document.data if not path else value

    def problem(self, what: str, fix: str = "") -> None:
        """Note that something is wrong here."""
        self._document.problems.append(Problem(self._document.where(self.path), what, fix))

    def get(self, key: str | int) -> Node:
        """The value under a key; null if there is none."""
        inside = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(self._document, (*self.path, key), inside)

    def items(self) -> list[tuple[Any, Node]]:
        """The entries of a mapping, none for null."""
        if self.value is not None and not isinstance(self.value, dict):
            self.problem(f"{self._name} must be a mapping")
        return [(key, self.get(key)) for key in self.value] if isinstance(self.value, dict) else []

    def entries(self) -> list[Node]:
        """The items of a list, none for null."""
        if self.value is not None and not isinstance(self.value, list):
            self.problem(f"{self._name} must be a list")
        items = self.value if isinstance(self.value, list) else []
        return [Node(self._document, (*self.path, i), item) for i, item in enumerate(items)]

    def keys(self, *known: str) -> None:
        """Refuse keys other than these."""
        for key, child in self.items():
            child.one_of(known, key)

    def text(self, optional: bool = False) -> str:
        """A string that is not empty, unless it is optional. Line breaks become spaces.

        It will be printed in terminals and put into Markdown: what would steer a terminal or turn
        the direction of the text is refused.
        """
        if self.value is None and optional:
            return ""
        if not isinstance(self.value, str) or not self.value.strip():
            self.problem(f"{self._name} must be text", "quote it if it looks like a number")
            return ""
        if unfit := sorted({ascii(letter) for letter in self.value if _changes_terminal(letter)}):
            self.problem(f"{self._name} has control characters", f"remove {', '.join(unfit[:3])}")
            return ""
        return " ".join(self.value.split())

    def whole(self, low: int, high: int) -> int:
        """A whole number in a range."""
        if type(self.value) is not int or not low <= self.value <= high:
            self.problem(f"{self._name} must be a whole number from {low} to {high}")
            return low
        return self.value

    def number(self, low: float, high: float) -> float:
        """A number in a range."""
        if type(self.value) not in (int, float) or not low <= self.value <= high:
            self.problem(f"{self._name} must be a number from {low} to {high}")
            return low
        return float(self.value)

    def flag(self) -> bool:
        """True or false; false if there is nothing."""
        if self.value is not None and not isinstance(self.value, bool):
            self.problem(f"{self._name} must be true or false")
            return False
        return bool(self.value)

    def one_of(self, known: Collection[str], value: Any = None) -> str:
        """One of the known words; `value` stands in for the node's own, for keys."""
        word = self.value if value is None else value
        if word not in [*known]:  # a list, as a mapping could not look up a list or mapping
            self.problem(f"{word!r} is not known here", suggest(word, known))
        return str(word)

    def words(self, known: Collection[str]) -> tuple[str, ...]:
        """One known word, or a list of them."""
        if isinstance(self.value, list):
            return tuple(node.one_of(known) for node in self.entries())
        return (self.one_of(known),)

    @property
    def _name(self) -> str:
        return str(self.path[-1]) if self.path else "the document"
