"""Write the report of a run as one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.cli.table import read_newest_run
from mlpo_kit.config.settings import load_settings
from mlpo_kit.execution.tracking import send_in_background
from mlpo_kit.store import open_store
from mlpo_kit.store.files import write_text

HELP = "write the newest run's report to report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --run, --output, --profile and --json."""
    add_profile(parser)
    parser.add_argument("--run", help="the run's id (default: the newest run)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("report.html"),
        help="the file to write (default: report.html)",
    )
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Write the page and print its path."""
    from mlpo_kit.reports.page import build_report

    settings = load_settings(chosen.profile)
    send_in_background(settings)
    run_id = chosen.run or read_newest_run(settings)["run_id"]
    write_text(chosen.output, build_report(open_store(settings), run_id))
    path = chosen.output.resolve()
    document = {"schema_version": 1, "run_id": run_id, "path": str(path)}
    write_answer(chosen, document, f"report of run {run_id}: {path}")
    return DONE
