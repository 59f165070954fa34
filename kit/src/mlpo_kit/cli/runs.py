"""List the runs in the store, newest first."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.config.settings import BaseSettings, load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.tracking import send_in_background
from mlpo_kit.models.champion import read_champion
from mlpo_kit.runs.listing import WIDTH, Listing, describe_runs, format_runs
from mlpo_kit.runs.overview import RunOverview, read_overviews
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline, read_setting
from mlpo_kit.runs.query import (
    check_names,
    parse_filter,
    parse_since,
    parse_statuses,
    select_runs,
    sort_runs,
)
from mlpo_kit.store import open_store

HELP = "list the runs, newest first, with the settings that differ"
NEWEST = 20  # runs listed without --limit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the conditions, the order, the columns, --profile and --json."""
    add_profile(parser)
    parser.add_argument(
        "--status",
        action="append",
        default=[],
        metavar="STATUS",
        help="only runs with this status, such as refused; may be repeated",
    )
    parser.add_argument(
        "--since", metavar="TIME", help="only runs since 12h, 7d, 2w or a date such as 2026-11-30"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="only runs with train.epochs=5, or accuracy>0.9; also != < >= <=; may be repeated",
    )
    parser.add_argument(
        "--sort",
        nargs="?",
        const="",
        metavar="COLUMN",
        help="sort by a column, reversed by -COLUMN (default: -started)",
    )
    parser.add_argument(
        "--columns",
        metavar="A,B,...",
        help="show these: settings (train.epochs), metrics (accuracy), values (train.val_loss), "
        "status, started, seconds, device, version, dataset, code, commit, reason, ...",
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=NEWEST,
        metavar="N",
        help=f"list only the first N; 0 lists all (default: {NEWEST})",
    )
    parser.add_argument("--trials", action="store_true", help="list the trials of sweeps, too")
    add_json(parser)
    # argparse takes the -COLUMN of --sort for an option
    parser.set_defaults(accepts_extra_arguments=True, refuse=parser.error)


def run(chosen: argparse.Namespace) -> int:
    """Print the list."""
    now = time.time()
    column = _find_sort_column(chosen)
    if chosen.limit < 0:
        raise PipelineError(f"--limit {chosen.limit}: give a number of runs, or 0 for all")
    filters, statuses = list(map(parse_filter, chosen.where)), parse_statuses(chosen.status)
    since = None if chosen.since is None else parse_since(chosen.since, now)
    settings, pipeline = load_settings(chosen.profile), load_pipeline()
    send_in_background(settings)
    overviews = read_overviews(open_store(settings), pipeline, chosen.trials)
    columns = _parse_columns(chosen.columns)
    check_names([item.name for item in filters], overviews.runs, "--where")
    check_names([] if column is None else [column.removeprefix("-")], overviews.runs, "--sort")
    check_names(columns or [], overviews.runs, "--columns")
    selected = select_runs(overviews.runs, filters, statuses, since)
    if column is not None:
        selected = sort_runs(selected, column)
    listing = Listing(
        runs=selected[: chosen.limit or None],
        run_ids=[run.run_id for run in overviews.runs],
        total=len(selected),
        metric=None if pipeline.gate is None else pipeline.gate.name,
        champions=_find_champions(overviews.runs, settings, pipeline),
        columns=columns,
        problems=overviews.problems,
    )
    width = max(shutil.get_terminal_size().columns, WIDTH) if sys.stdout.isatty() else WIDTH
    write_answer(chosen, describe_runs(listing), format_runs(listing, now, width))
    return DONE


def _find_sort_column(chosen: argparse.Namespace) -> str | None:
    """Return the column of --sort, also if it begins with a minus."""
    column: str | None = chosen.sort
    extra: list[str] = chosen.extra_arguments
    if column == "" and len(extra) == 1 and not extra[0].startswith("--"):
        return extra[0]
    if extra:
        chosen.refuse(f"unrecognized arguments: {' '.join(extra)}")
    if column == "":
        chosen.refuse("--sort needs a column, such as --sort accuracy or --sort -accuracy")
    return column


def _parse_columns(text: str | None) -> list[str] | None:
    if text is None:
        return None
    columns = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not columns:
        raise PipelineError("--columns needs names, such as --columns accuracy,train.epochs")
    return columns


def _find_champions(
    runs: Sequence[RunOverview], settings: BaseSettings, pipeline: Pipeline
) -> frozenset[str] | None:
    """Find the runs whose version is the champion; None if only a server knows it."""
    name = str(read_setting(settings, pipeline.model_name))
    try:
        champion = read_champion(name, settings.local_root)
    except LookupError:
        return None
    return frozenset(
        run.run_id
        for run in runs
        if champion is not None
        and run.version == champion.number
        and run.settings.get(pipeline.model_name, name) == name
    )
