"""Check texts and small trees in the tests of `mlpo check`."""

from __future__ import annotations

import ast
from pathlib import Path

from mlpo_cli.check.engine import Result, check_data
from mlpo_cli.check.model import Finding
from mlpo_cli.check.module import Module
from mlpo_cli.check.parse import RUNNING
from mlpo_cli.check.source import Source, find_kind
from mlpo_cli.check.tree import Tree

# A pipeline of KFP v2 around tasks.
PIPELINE = """\
from kfp import dsl

@dsl.component(base_image="python:3.12-slim")
def train() -> float:
    return 0.5

@dsl.pipeline
def pipeline():
"""


def check(text: str, file: str = "pipeline.py", target: tuple[int, int] = RUNNING) -> Result:
    """Check a text as the content of a file that does not exist."""
    kind = find_kind(file)
    assert kind is not None
    return check_data(text.encode(), file, kind, target=target)


def find(text: str, file: str = "pipeline.py", target: tuple[int, int] = RUNNING) -> list[Finding]:
    """Return the findings in a text."""
    return list(check(text, file, target).findings)


def list_places(text: str, file: str = "pipeline.py") -> list[tuple[str, int]]:
    """Return the rule and the line of each finding in a text."""
    return [(finding.rule, finding.place.line) for finding in find(text, file)]


def make_module(text: str, file: Path = Path("pipeline.py")) -> Module:
    """Parse a text. Imports are followed from the folder of the file."""
    return Module(Source(str(file), text, "python"), ast.parse(text), file, Tree())


def write_files(folder: Path, files: dict[str, str]) -> Path:
    """Write files below a folder, and return the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder
