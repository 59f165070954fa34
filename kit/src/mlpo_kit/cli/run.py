"""Run all stages, then print what they did as a table, and prune what retention gives up."""

from __future__ import annotations

import argparse
import sys
import time

from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.cli.options import RunOptions, add_run_options, parse_run_options
from mlpo_kit.cli.prune import prune_after_run
from mlpo_kit.cli.table import print_newest_run
from mlpo_kit.errors import PipelineError

HELP = "all stages, then a table of what they did"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a run."""
    add_run_options(parser)
    parser.set_defaults(takes_more=True)  # what else there is belongs to the orchestrator


def run(chosen: argparse.Namespace) -> int:
    """Run the pipeline."""
    return start(parse_run_options(chosen, tuple(chosen.more)))


def start(options: RunOptions) -> int:
    """Run the pipeline, or a sweep, with its table and its prune behind it."""
    began, settings = time.time(), options.load_settings()
    try:
        code = load_adapter().run(options)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    is_local = settings.compute == "local"
    if is_local and print_newest_run(settings, since=began) and code == 0:
        prune_after_run(settings)
    return code
