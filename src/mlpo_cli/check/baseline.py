"""A file of known findings, which are not reported again while their code stays as it is.

Files are named from the folder of the baseline, so that it does not matter where mlpo is run.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlpo_cli.check.model import Finding
from mlpo_cli.errors import UserError

VERSION = 1
Key = tuple[str, str, str]


def write_baseline(findings: Iterable[Finding], folder: Path) -> str:
    """Return the content of a baseline. A finding is known by its file, its rule and its line."""
    counts = Counter(_make_key(finding, folder) for finding in findings)
    known = [
        {"file": file, "rule": rule, "code": code, "count": count}
        for (file, rule, code), count in sorted(counts.items())
    ]
    return json.dumps({"version": VERSION, "findings": known}, indent=2) + "\n"


def read_baseline(path: Path) -> Counter[Key]:
    """Read a baseline. Raises UserError where there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        items = document["findings"] if document["version"] == VERSION else None
        return Counter(dict(map(_read_item, items)))  # type: ignore[arg-type]
    except OSError as error:
        fix = f"write it: mlpo check --write-baseline {path}"
        raise UserError(f"{path}: {error.strerror}", fix) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        fix = f"write it again: mlpo check --write-baseline {path}"
        raise UserError(f"{path} is no baseline of mlpo check", fix) from error


def _read_item(item: Any) -> tuple[Key, int]:
    return (str(item["file"]), str(item["rule"]), str(item["code"])), int(item["count"])


def _make_key(finding: Finding, folder: Path) -> Key:
    file = os.path.relpath(os.path.abspath(finding.file), os.path.abspath(folder))
    return file.replace(os.sep, "/"), finding.rule, finding.code


def leave_out_known(
    findings: Iterable[Finding], known: Counter[Key], folder: Path
) -> list[Finding]:
    """Return the findings that are not in a baseline, or that are there more often than in it."""
    left, new = Counter(known), []
    for finding in findings:
        key = _make_key(finding, folder) if left else ("", "", "")
        if left[key] > 0:
            left[key] -= 1
        else:
            new.append(finding)
    return new
