"""Did-you-mean for everything that a user can mistype."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 80
"""Characters that are compared: a longer word is a mistake of another kind."""


def find_closest(word: object, known: Iterable[str]) -> str | None:
    """Return the known word that is most like this one; None if none is like it."""
    text = str(word)[:_LONGEST]
    cutoff = 0.6 if len(text) < 5 else 0.7  # a typo changes more of a short word
    matches = get_close_matches(text, list(known), n=1, cutoff=cutoff)
    return matches[0] if matches else None


def suggest(word: object, known: Iterable[str], list_all: bool = False) -> str:
    """Say what to write instead of an unknown word: the closest known one, or one of them all.

    With `list_all`, all of them are listed after the closest one too.
    """
    known = list(known)
    closest = find_closest(word, known)
    hint = f"did you mean {closest}?" if closest else ""
    if hint and not list_all:
        return hint
    return f"{hint} use one of: {', '.join(known)}".strip()
