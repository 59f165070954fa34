"""Train once per trial of configs/sweep.yaml, and continue with the best trial."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.options import add_run_options, parse_run_options
from mlpo_kit.cli.output import add_json
from mlpo_kit.cli.run import start

HELP = "train once per trial of configs/sweep.yaml, and continue with the best"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a run, --sweep and --json."""
    add_run_options(parser)
    parser.add_argument(
        "--sweep",
        default="sweep",
        metavar="FILE",
        help="a file of configs/, or a path (default: sweep)",
    )
    add_json(parser)
    parser.set_defaults(accepts_extra_arguments=True)


def run(chosen: argparse.Namespace) -> int:
    """Run the sweep."""
    options = parse_run_options(chosen, tuple(chosen.extra_arguments))
    return start(options, chosen.require_promotion, chosen.json)
