"""All printing: output goes to stdout, messages go to stderr. Only `errors` prints besides."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.text import Text


def write_output(text: str) -> None:
    """Print text to stdout as it is, for scripts and files."""
    _write(sys.stdout, text)


def write_bytes(data: bytes) -> None:
    """Print a file to stdout as it is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_styled(text: Text) -> None:
    """Print styled text to stdout: with colour where the terminal wants it, else plain."""
    if not wants_style(sys.stdout, os.environ):
        write_output(text.plain)
        return
    from rich.console import Console

    console = Console(file=sys.stdout, force_terminal=True, highlight=False, soft_wrap=True)
    console.print(text, end="")


def write_message(text: str) -> None:
    """Print a line for a person to stderr."""
    _write(sys.stderr, f"{text}\n")


def write_warning(text: str) -> None:
    """Print a warning for a person to stderr."""
    write_message(f"warning: {text}")


def wants_style(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether escape codes belong on this stream.

    NO_COLOR and TERM=dumb switch them off, FORCE_COLOR switches them on for a pipe; see
    https://no-color.org and https://force-color.org.
    """
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return bool(environ.get("FORCE_COLOR")) or stream.isatty()


def _write(stream: TextIO, text: str) -> None:
    """Write text, with `?` in place of what the stream's encoding cannot represent."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()
