"""Show what differs between two runs."""

from __future__ import annotations

import argparse
import time

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.config.settings import load_settings
from mlpo_kit.reports.differences import describe_comparison, format_comparison, read_comparison
from mlpo_kit.runs.identify import find_run
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.store import open_store

HELP = "show what differs between two runs: settings, data, code, metrics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two runs, --stat, --profile and --json."""
    add_profile(parser)
    parser.add_argument(
        "runs", nargs=2, metavar="RUN", help="a run's id, a part that no other id has, or `latest`"
    )
    parser.add_argument(
        "--stat", action="store_true", help="only count the changed lines of the code"
    )
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print the differences, from the first run to the second."""
    store = open_store(load_settings(chosen.profile))
    run_ids = [find_run(store, text) for text in chosen.runs]
    comparison = read_comparison(store, load_pipeline(), run_ids)
    text = format_comparison(comparison, time.time(), with_diff=not chosen.stat)
    write_answer(chosen, describe_comparison(comparison), text)
    return DONE
