"""Compare the pipeline file with PIPELINE: `mlpo-kit check`."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.cli.exit_codes import DONE, FAILED
from mlpo_kit.cli.output import add_json, write_answer, write_message

HELP = "compare the pipeline file with PIPELINE and list the differences"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """List the differences; returns 1 if there are any."""
    problems = load_adapter().compare_pipeline()
    if problems:
        listed = "\n  ".join(problems)
        write_message(f"error: the pipeline file does not match PIPELINE:\n  {listed}")
    if chosen.json or not problems:
        document = {"schema_version": 1, "problems": list(problems)}
        write_answer(chosen, document, "the pipeline file matches PIPELINE")
    return FAILED if problems else DONE
