"""Describe the mistakes in a YAML file that pydantic validated, with line and suggestion."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import ValidationError

from mlpo_kit.config.documents import find_line
from mlpo_kit.errors import suggest

Place = Sequence[str | int]  # such as ("tolerations", 0, "key")


def describe_mistakes(error: ValidationError, kind: type[Any], text: str, file: str) -> list[str]:
    """Describe each problem that pydantic found, such as `file:3: nodes: there is no such name`.

    `kind` is the dataclass that the file's `text` was validated against. Sorted by line.
    """
    mistakes = []
    for problem in error.errors():
        place = problem["loc"]
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "unexpected_keyword_argument":
            known = list_names(kind, place[:-1])
            message = f"there is no such name{suggest(str(place[-1]), known)}"
        line = find_line(text, place)
        where = f"{file}:{line}" if line else file
        name = ".".join(str(part) for part in place)
        mistakes.append((line or 0, ": ".join(filter(None, (where, name, message)))))
    return [sentence for _, sentence in sorted(mistakes)]


def list_names(kind: Any, place: Place) -> list[str]:
    """List the names that are allowed at a place in a document that `kind` describes."""
    for part in place:
        if is_dataclass(kind):
            kind = typing.get_type_hints(kind).get(str(part))
        else:  # a list or a mapping: the type of its items
            kind = (typing.get_args(kind) or (None,))[-1]
        if type(None) in typing.get_args(kind):  # `Batch | None`
            kind = typing.get_args(kind)[0]
    return [field.name for field in fields(kind)] if is_dataclass(kind) else []
