"""What can go wrong for a reason that a person can mend."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PipelineError(Exception):
    """The pipeline stopped for a reason to be read by a person: what is wrong and what to do."""


class IntegrityError(PipelineError):
    """A stored payload is missing, or its bytes are not the ones that were written."""


def find_root_cause(error: BaseException) -> str:
    """Return the innermost message of a library's error in one line, without its wrappers."""
    while True:
        named = getattr(error, "reason", None) or next(iter(error.args), None)
        inner = named if isinstance(named, BaseException) else error.__cause__
        if inner is None:
            return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        error = inner


def suggest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name that is nearest, as words to follow an error; or nothing."""
    near = get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""
