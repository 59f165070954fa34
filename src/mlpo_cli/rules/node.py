"""Read typed values from a YAML document, and collect the problems with file and line."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from typing import Any

from mlpo_cli.errors import Problem
from mlpo_cli.suggest import suggest
from mlpo_cli.yamlmap import Path, YamlDocument

_WHITESPACE = " \t\r\n"
_DIRECTION_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def _changes_terminal(letter: str) -> bool:
    """Whether the letter is a control character, or changes the direction of the text after it."""
    if letter in _WHITESPACE:
        return False
    is_control = unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
    return is_control or unicodedata.bidirectional(letter) in _DIRECTION_CONTROLS


def _find_unsafe_letters(text: str) -> list[str]:
    if text.isprintable():  # true of almost every text, and quick: none of those letters is
        return []
    return sorted({ascii(letter) for letter in text if _changes_terminal(letter)})


class Node:
    """A place in a document.

    A method that reads an invalid value adds a problem to the document and returns an empty or the
    lowest value, so that all problems are found in one go.
    """

    def __init__(self, document: YamlDocument, path: Path = (), value: Any = None) -> None:
        self._document, self.path = document, path
        self.value = document.data if not path else value

    def add_problem(self, what: str, fix: str = "") -> None:
        """Add a problem with the value at this place."""
        self._document.problems.append(Problem(self._document.locate(self.path), what, fix))

    def get(self, key: str | int) -> Node:
        """Get the place of a key of this mapping. Without such a key its value is None."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(self._document, (*self.path, key), value)

    def list_items(self) -> list[tuple[Any, Node]]:
        """List the keys of a mapping with the places of their values; none for null."""
        if self.value is not None and not isinstance(self.value, dict):
            self.add_problem(f"{self._name} must be a mapping")
        return [(key, self.get(key)) for key in self.value] if isinstance(self.value, dict) else []

    def list_entries(self) -> list[Node]:
        """List the places of the entries of a list; none for null."""
        if self.value is not None and not isinstance(self.value, list):
            self.add_problem(f"{self._name} must be a list")
        values = self.value if isinstance(self.value, list) else []
        return [Node(self._document, (*self.path, i), value) for i, value in enumerate(values)]

    def check_keys(self, *allowed: str) -> None:
        """Add a problem for each key that is not allowed."""
        for key, node in self.list_items():
            node.read_word(allowed, key)

    def read_text(self, optional: bool = False) -> str:
        """Read a string, which may be missing only if it is optional. Line breaks become spaces.

        Texts of rules are printed in terminals and written into Markdown, so control characters and
        those that change the direction of the text are refused.
        """
        if self.value is None and optional:
            return ""
        if not isinstance(self.value, str) or not self.value.strip():
            self.add_problem(f"{self._name} must be text", "quote it if it looks like a number")
            return ""
        if refused := _find_unsafe_letters(self.value):
            self.add_problem(
                f"{self._name} has control characters", f"remove {', '.join(refused[:3])}"
            )
            return ""
        return " ".join(self.value.split())

    def read_whole(self, low: int, high: int) -> int:
        """Read a whole number in a range, both ends included."""
        if type(self.value) is not int or not low <= self.value <= high:
            self.add_problem(f"{self._name} must be a whole number from {low} to {high}")
            return low
        return self.value

    def read_number(self, low: float, high: float) -> float:
        """Read a number in a range, both ends included."""
        if type(self.value) not in (int, float) or not low <= self.value <= high:
            self.add_problem(f"{self._name} must be a number from {low} to {high}")
            return low
        return float(self.value)

    def read_flag(self) -> bool:
        """Read true or false; false if the value is missing."""
        if self.value is not None and not isinstance(self.value, bool):
            self.add_problem(f"{self._name} must be true or false")
            return False
        return bool(self.value)

    def read_word(self, allowed: Collection[str], key: Any = None) -> str:
        """Read one of the allowed words; with `key`, check that key instead of the value."""
        word = self.value if key is None else key
        if word not in [*allowed]:  # a list: sets and mappings fail on a value that has no hash
            self.add_problem(f"{word!r} is not known here", suggest(word, allowed))
        return str(word)

    def read_words(self, allowed: Collection[str]) -> tuple[str, ...]:
        """Read one allowed word, or a list of them."""
        if isinstance(self.value, list):
            return tuple(node.read_word(allowed) for node in self.list_entries())
        return (self.read_word(allowed),)

    @property
    def _name(self) -> str:
        return str(self.path[-1]) if self.path else "the document"
