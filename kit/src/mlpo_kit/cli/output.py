"""What the command line writes: the answer to stdout, all else to stderr."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from mlpo_kit.store.files import to_json


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that asks for the answer as a document."""
    parser.add_argument(
        "--json", action="store_true", help="one JSON document on stdout, an error too"
    )


def write_answer(chosen: argparse.Namespace, document: Any, text: str) -> None:
    """Write a verb's answer: the document where `--json` was given, else the text for people."""
    write_line(to_json(document).rstrip() if chosen.json else text)


def write_line(text: str) -> None:
    """Write a line of an answer to stdout."""
    sys.stdout.write(f"{text}\n")


def write_message(text: str) -> None:
    """Write a line for people to stderr."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def divert_output() -> Iterator[None]:
    """Let all that is written to stdout go to stderr, by child processes too.

    A logger that takes hold of stdout meanwhile keeps to stderr: the answer stands alone.
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
