"""Read an answers document from a file or from standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from mlpo_cli.errors import AnswersError, Problem
from mlpo_cli.yamlmap import YamlDocument, parse_yaml

MAX_BYTES = 1_000_000


def load(source: str) -> YamlDocument:
    """Read the document in the file `source`, or on standard input for `-`.

    It is YAML or JSON in UTF-8, with or without a byte order mark. Raises AnswersError if it cannot
    be read, is larger than 1 MB, is not UTF-8 or not valid YAML.
    """
    name = "<stdin>" if source == "-" else source
    mapped = parse_yaml(_decode(_read_bytes(source, name), name), name)
    if mapped.problems and mapped.data is None:
        raise AnswersError(mapped.problems)
    return mapped


def _read_bytes(source: str, name: str) -> bytes:
    try:
        if source == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AnswersError([Problem(name, f"cannot read the answers: {reason}")]) from error
    if len(data) > MAX_BYTES:
        raise AnswersError([Problem(name, "larger than 1 MB", "pass an answers document")])
    return data


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(f"{name}:{line}", "not UTF-8 text", "save the file as UTF-8")
        raise AnswersError([problem]) from error
