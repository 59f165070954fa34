"""Compare the pipeline file with PIPELINE: `mlpo-kit check`."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.cli.exit_codes import DONE, FAILED
from mlpo_kit.cli.output import add_json, write_answer, write_message

HELP = "compare the pipeline file with PIPELINE, and say where they disagree"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The form."""
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Say where the two disagree; returns 1 where they do."""
    problems = load_adapter().compare_pipeline()
    if problems:
        listed = "\n  ".join(problems)
        write_message(f"error: the pipeline file does not do what PIPELINE says:\n  {listed}")
    if chosen.json or not problems:
        document = {"schema_version": 1, "problems": list(problems)}
        write_answer(chosen, document, "the pipeline file does what PIPELINE says")
    return FAILED if problems else DONE
