"""The command line's output: the answer goes to stdout, everything else to stderr."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from mlpo_kit.store.files import to_json


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json, which prints the answer as a JSON document."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document, also for an error"
    )


def write_answer(chosen: argparse.Namespace, document: Any, text: str) -> None:
    """Write a verb's answer: the document with `--json`, otherwise the text."""
    write_line(to_json(document).rstrip() if chosen.json else text)


def write_line(text: str) -> None:
    """Write a line to stdout, as part of the answer."""
    sys.stdout.write(f"{text}\n")


def write_message(text: str) -> None:
    """Write a message for people to stderr."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def divert_output() -> Iterator[None]:
    """Redirect stdout to stderr for a `with` block, for child processes as well.

    A logger that binds stdout inside the block writes to stderr for good, so that stdout holds the
    answer alone.
    """
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)
