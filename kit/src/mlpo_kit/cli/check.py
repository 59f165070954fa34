"""Compare the pipeline file with PIPELINE."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.errors import PipelineError
from mlpo_kit.store.files import to_json

HELP = "compare the pipeline file with PIPELINE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The form."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(chosen: argparse.Namespace) -> int:
    """Say where the two disagree; returns 1 where they do."""
    problems = load_adapter().compare_pipeline()
    if chosen.json:
        print(to_json({"schema_version": 1, "problems": problems}).rstrip())
        return 1 if problems else 0
    if problems:
        listed = "\n  ".join(problems)
        raise PipelineError(f"the pipeline file does not do what PIPELINE says:\n  {listed}")
    print("the pipeline file does what PIPELINE says")
    return 0
