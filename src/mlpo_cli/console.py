"""All printing. The answer goes to stdout, talk goes to stderr; nothing else prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.text import Text


def answer(text: str) -> None:
    """Print the answer as it is, for scripts and files."""
    _write(sys.stdout, text)


def talk(text: str) -> None:
    """Print one line for a person, beside the answer."""
    _write(sys.stderr, f"{text}\n")


def warn(text: str) -> None:
    """Print a warning for a person."""
    talk(f"warning: {text}")


def show(text: Text) -> None:
    """Print a styled answer: with colour where the terminal wants it, plain everywhere else."""
    if not wants_style(sys.stdout, os.environ):
        answer(text.plain)
        return
    from rich.console import Console

    console = Console(file=sys.stdout, force_terminal=True, highlight=False, soft_wrap=True)
    console.print(text, end="")


def wants_style(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether escape codes belong on this stream.

    NO_COLOR and TERM=dumb switch them off, FORCE_COLOR switches them on for a pipe; see
    https://no-color.org and https://force-color.org.
    """
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return bool(environ.get("FORCE_COLOR")) or stream.isatty()


def _write(stream: TextIO, text: str) -> None:
    """Write, with `?` for what the stream's encoding cannot say."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()
