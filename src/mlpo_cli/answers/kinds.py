"""What a value of the answers document may be: accepted here, published as JSON Schema from here.

The validator and the schema read the same objects, so that they cannot disagree. One difference
is JSON Schema's own: it takes 8.0 for a whole number, and mlpo does not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?([0-9]{1,18}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True)
class Choice:
    """One of some words. `texts` maps each to what it means, or to nothing."""

    texts: Mapping[str, str]

    def accepts(self, value: object) -> bool:
        """Whether the value is one of the words."""
        return isinstance(value, str) and value in self.texts

    def parse(self, text: str) -> object:
        """The value that a text on the command line stands for."""
        return text

    def schema(self) -> Schema:
        """JSON Schema of this value."""
        schema: Schema = {"type": "string", "enum": list(self.texts)}
        if any(self.texts.values()):
            schema["markdownEnumDescriptions"] = list(self.texts.values())
        return schema


@dataclass(frozen=True)
class Whole:
    """A whole number in a range, both ends included."""

    low: int
    high: int

    def accepts(self, value: object) -> bool:
        """Whether the value is such a number; true and 8.0 are not."""
        return type(value) is int and self.low <= value <= self.high

    def parse(self, text: str) -> object:
        """The number in the text, or the text where there is none."""
        return int(text) if _WHOLE.fullmatch(text) else text

    def schema(self) -> Schema:
        """JSON Schema of this value."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Number:
    """A number in a range, both ends included."""

    low: float
    high: float

    def accepts(self, value: object) -> bool:
        """Whether the value is such a number; true and NaN are not."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return self.low <= value <= self.high and math.isfinite(value)

    def parse(self, text: str) -> object:
        """The number in the text, or the text where there is none."""
        if _WHOLE.fullmatch(text):
            return int(text)
        return float(text) if _DECIMAL.fullmatch(text) else text

    def schema(self) -> Schema:
        """JSON Schema of this value."""
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Taken:
    """Names that are refused, and why: `says` follows the name in the message.

    With `stem`, what comes before the first dot counts, in upper or lower case.
    """

    names: frozenset[str]
    says: str
    stem: bool = False

    def covers(self, text: str) -> bool:
        """Whether the text is one of the names."""
        return (text.partition(".")[0].lower() if self.stem else text) in self.names

    def schema(self) -> Schema:
        """JSON Schema that matches the names."""
        if not self.stem:
            return {"enum": sorted(self.names)}
        return {"pattern": f"^(?:{'|'.join(map(_any_case, sorted(self.names)))})(?:\\.|$)"}


@dataclass(frozen=True)
class Text:
    """Text of a form. `rule` says the form in words; `taken` are refused although they have it."""

    pattern: str
    rule: str
    taken: Sequence[Taken] = ()

    def has_form(self, text: str) -> bool:
        """Whether the whole text matches the pattern."""
        return re.fullmatch(self.pattern, text) is not None

    def accepts(self, value: object) -> bool:
        """Whether the value has the form and is not taken."""
        return (
            isinstance(value, str)
            and self.has_form(value)
            and not any(taken.covers(value) for taken in self.taken)
        )

    def parse(self, text: str) -> object:
        """The value that a text on the command line stands for."""
        return text

    def schema(self) -> Schema:
        """JSON Schema of this value."""
        # `$` alone would let a line end follow in some dialects.
        schema: Schema = {"type": "string", "pattern": f"^(?:{self.pattern})$(?!\\n)"}
        if self.taken:
            schema["allOf"] = [{"not": taken.schema()} for taken in self.taken]
        return schema


Kind = Choice | Whole | Number | Text


def _any_case(word: str) -> str:
    return "".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word)
