"""What can go wrong for a reason the user can mend."""

from __future__ import annotations


class PipelineError(Exception):
    """The pipeline stopped for a reason to be read by a person: what is wrong and what to do."""


class IntegrityError(PipelineError):
    """A stored payload is missing, or its bytes are not the ones that were written."""


def reason(error: BaseException) -> str:
    """What a library's error says in the end, in a line: without what it is wrapped in."""
    while True:
        named = getattr(error, "reason", None) or next(iter(error.args), None)
        inner = named if isinstance(named, BaseException) else error.__cause__
        if inner is None:
            return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        error = inner
