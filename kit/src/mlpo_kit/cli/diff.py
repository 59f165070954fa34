"""Show what differs between two runs."""

from __future__ import annotations

import argparse
import time

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.reports.differences import describe_comparison, format_comparison, read_comparison
from mlpo_kit.runs.identify import NEWEST, find_run
from mlpo_kit.runs.overview import read_overviews
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline
from mlpo_kit.store import open_store
from mlpo_kit.store.base import Store

HELP = "show what differs between two runs: settings, data, code, metrics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two runs, --stat, --profile and --json."""
    add_profile(parser)
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="a run's id, a part that no other id has, or `latest` (default: the two newest runs; "
        "for one run, that run and the newest)",
    )
    parser.add_argument(
        "--stat", action="store_true", help="only count the changed lines of the code"
    )
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print the differences, from the first run to the second."""
    store, pipeline = open_store(load_settings(chosen.profile)), load_pipeline()
    comparison = read_comparison(store, pipeline, _find_runs(store, pipeline, chosen.runs))
    text = format_comparison(comparison, time.time(), with_diff=not chosen.stat)
    write_answer(chosen, describe_comparison(comparison), text)
    return DONE


def _find_runs(store: Store, pipeline: Pipeline, texts: list[str]) -> list[str]:
    if len(texts) > 2:
        raise PipelineError("diff compares two runs; `mlpo-kit report --compare` compares several")
    if texts:
        return [find_run(store, text) for text in [*texts, NEWEST][:2]]
    newest = [run.run_id for run in read_overviews(store, pipeline).runs[:2]]
    if len(newest) < 2:
        count = "is only one run" if newest else "are no runs yet"
        raise PipelineError(f"there {count}, but diff compares two: `make run` starts one")
    return newest[::-1]
