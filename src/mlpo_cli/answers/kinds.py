"""The kinds of values in the answers document: what is valid, what to say otherwise, the schema.

The validator and the JSON Schema use the same objects, so that they cannot disagree. One difference
is JSON Schema's own: it accepts 8.0 as a whole number, and mlpo does not.

The classes are NamedTuples, not dataclasses: every start of mlpo needs them for the options of
`mlpo new`, and they are made in a fifth of the time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mlpo_cli.suggest import suggest

Schema = dict[str, Any]

Refusal = tuple[str, str]
"""Why a value is not valid, and the fix."""

_WHOLE = r"[-+]?[0-9]{1,18}"
_DECIMAL = r"[-+]?([0-9]{1,18}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?"


class Choice(NamedTuple):
    """One of several words. `texts` gives the meaning of each; it may be empty."""

    texts: Mapping[str, str]

    def refuse(self, value: object, name: str) -> Refusal | None:
        """Say why `name` cannot have this value; None if the value is valid."""
        if isinstance(value, str) and value in self.texts:
            return None
        close = value if isinstance(value, str) else ""
        return f"{name} cannot be {quote(value)}", suggest(close, self.texts, list_all=True)

    def parse(self, text: str) -> object:
        """Return the value that a text on the command line stands for."""
        return text

    def schema(self) -> Schema:
        """Return the JSON Schema of such a value."""
        schema: Schema = {"type": "string", "enum": list(self.texts)}
        if any(self.texts.values()):
            schema["markdownEnumDescriptions"] = list(self.texts.values())
        return schema


class Whole(NamedTuple):
    """A whole number in a range, both ends included."""

    low: int
    high: int

    def refuse(self, value: object, name: str) -> Refusal | None:
        """Say why `name` cannot have this value; None for an int in the range, but not for 8.0."""
        if type(value) is int and self.low <= value <= self.high:
            return None
        allowed = f"a whole number from {self.low} to {self.high}"
        return f"{name} must be {allowed}, not {quote(value)}", "write such a number"

    def parse(self, text: str) -> object:
        """Return the number in the text, or the text if it is not a number."""
        return int(text) if re.fullmatch(_WHOLE, text) else text

    def schema(self) -> Schema:
        """Return the JSON Schema of such a value."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


class Number(NamedTuple):
    """A number in a range, both ends included."""

    low: float
    high: float

    def refuse(self, value: object, name: str) -> Refusal | None:
        """Say why `name` cannot have this value; None for a number in the range. NaN is none."""
        if isinstance(value, (int, float)) and self._contains(value):
            return None
        allowed = f"a number from {self.low} to {self.high}"
        return f"{name} must be {allowed}, not {quote(value)}", "write such a number"

    def _contains(self, value: float) -> bool:
        in_range = self.low <= value <= self.high
        return in_range and math.isfinite(value) and not isinstance(value, bool)

    def parse(self, text: str) -> object:
        """Return the number in the text, or the text if it is not a number."""
        if re.fullmatch(_WHOLE, text):
            return int(text)
        return float(text) if re.fullmatch(_DECIMAL, text) else text

    def schema(self) -> Schema:
        """Return the JSON Schema of such a value."""
        return {"type": "number", "minimum": self.low, "maximum": self.high}


class Reserved(NamedTuple):
    """Names that are not valid although they have the right form.

    `reason` completes "the name 'json' ..." in the message. `load_names` is called when a name is
    checked, for it may read files. With `any_suffix`, `con.txt` and `CON` are reserved as `con` is.
    """

    reason: str
    load_names: Callable[[], frozenset[str]]
    any_suffix: bool = False

    def covers(self, text: str) -> bool:
        """Return whether the text is one of the names."""
        name = text.partition(".")[0].lower() if self.any_suffix else text
        return name in self.load_names()

    def schema(self) -> Schema:
        """Return a JSON Schema that matches the names."""
        names = sorted(self.load_names())
        if not self.any_suffix:
            return {"enum": names}
        return {"pattern": f"^(?:{'|'.join(map(_match_any_case, names))})(?:\\.|$)"}


class Text(NamedTuple):
    """Text of a certain form: a regular expression, and the same as a rule in words."""

    pattern: str
    rule: str
    reserved: Sequence[Reserved] = ()

    def refuse(self, value: object, name: str) -> Refusal | None:
        """Say why `name` cannot have this value; None if the value is valid."""
        if not isinstance(value, str):
            return f"{name} must be text, not {quote(value)}", "put it in quotes"
        if not re.fullmatch(self.pattern, value):
            return f"{name} cannot be {quote(value)}", self.rule
        for reserved in self.reserved:
            if reserved.covers(value):
                return f"{name} cannot be {value!r}: that {reserved.reason}", "choose another name"
        return None

    def parse(self, text: str) -> object:
        """Return the value that a text on the command line stands for."""
        return text

    def schema(self) -> Schema:
        """Return the JSON Schema of such a value."""
        # `$` alone would allow a line end at the end in some dialects.
        schema: Schema = {"type": "string", "pattern": f"^(?:{self.pattern})$(?!\\n)"}
        if self.reserved:
            schema["allOf"] = [{"not": reserved.schema()} for reserved in self.reserved]
        return schema


Kind = Choice | Whole | Number | Text


def quote(value: object) -> str:
    """Return a value as a short text that is safe to print, whatever it is."""
    words = {None: "null", True: "true", False: "false"}
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = words[value] if value is None or isinstance(value, bool) else ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _match_any_case(word: str) -> str:
    return "".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word)
