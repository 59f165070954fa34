"""Write the report of a run, or a comparison of several runs, as one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.cli.table import read_newest_run
from mlpo_kit.config.settings import load_settings
from mlpo_kit.execution.tracking import send_in_background
from mlpo_kit.runs.identify import find_run
from mlpo_kit.store import Store, open_store
from mlpo_kit.store.files import write_text

HELP = "write the newest run's report to report.html; --compare draws several runs"
REPORT, COMPARISON = Path("report.html"), Path("compare.html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --run or --compare, --output, --profile and --json."""
    add_profile(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--run", help="the run's id, or a part of it (default: the newest run)")
    what.add_argument(
        "--compare",
        nargs="+",
        metavar="RUN",
        help="draw the curves of these runs over each other, and list what differs",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help=f"the file to write (default: {REPORT}, or {COMPARISON} with --compare)",
    )
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Write the page and print its path."""
    settings = load_settings(chosen.profile)
    store = open_store(settings)
    send_in_background(settings)
    if chosen.compare:
        return _compare(chosen, store)
    from mlpo_kit.reports.page import build_report

    run_id = find_run(store, chosen.run) if chosen.run else read_newest_run(settings)["run_id"]
    path = chosen.output or REPORT
    write_text(path, build_report(store, run_id))
    document = {"schema_version": 1, "run_id": run_id, "path": str(path.resolve())}
    write_answer(chosen, document, f"report of run {run_id}: {path.resolve()}")
    return DONE


def _compare(chosen: argparse.Namespace, store: Store) -> int:
    """Write the page that compares runs, and print its path."""
    from mlpo_kit.reports.compare import build_comparison_page

    run_ids = list(dict.fromkeys(find_run(store, text) for text in chosen.compare))
    path = chosen.output or COMPARISON
    write_text(path, build_comparison_page(store, run_ids))
    document = {"schema_version": 1, "run_ids": run_ids, "path": str(path.resolve())}
    write_answer(chosen, document, f"comparison of {len(run_ids)} runs: {path.resolve()}")
    return DONE
