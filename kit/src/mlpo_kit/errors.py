"""Errors that a person can fix, and helpers that word their messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class PipelineError(Exception):
    """The pipeline stopped; the message tells a person what is wrong and how to fix it."""

    def __init__(self, message: str = "", problems: Sequence[str] = ()) -> None:
        """Keep the message, and the `problems` that it lists below a heading, if it does."""
        super().__init__(message)
        self.problems = tuple(problems) or (message,)


class IntegrityError(PipelineError):
    """A stored payload is missing, or its bytes have changed since it was written."""


def find_root_cause(error: BaseException) -> str:
    """Return the message of the innermost error behind a library's error, as one line."""
    while True:
        wrapped = getattr(error, "reason", None) or next(iter(error.args), None)
        inner = wrapped if isinstance(wrapped, BaseException) else error.__cause__
        if inner is None:
            return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        error = inner


def suggest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` with the closest known name, to append to an error.

    Returns an empty string if no known name is close.
    """
    matches = get_close_matches(name, list(known), 1)
    return f"; did you mean {matches[0]}?" if matches else ""
