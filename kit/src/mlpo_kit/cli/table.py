"""Print a table of the newest run's results."""

from __future__ import annotations

import argparse
from typing import Any

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.config.settings import BaseSettings, load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.table import format_run
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.records import find_last_start
from mlpo_kit.runs.summary import refresh_latest
from mlpo_kit.search.view import format_trials, read_outcome
from mlpo_kit.store import open_store

HELP = "show a table of the newest run's results"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile and --json."""
    add_profile(parser)
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print the table."""
    settings = load_settings(chosen.profile)
    summary = read_newest_run(settings)
    write_answer(chosen, describe_run(settings, summary), format_newest_run(settings, summary))
    return DONE


def read_newest_run(settings: BaseSettings) -> dict[str, Any]:
    """Read the newest run's summary; raises PipelineError if there is no run."""
    summary = refresh_latest(open_store(settings), load_pipeline())
    if summary is None:
        raise PipelineError(
            f"there is no run in {settings.storage_root} yet: `make run` starts one"
        )
    return summary


def find_run_since(settings: BaseSettings, since: float) -> dict[str, Any] | None:
    """Return the newest run's summary if it started at `since` (epoch seconds) or later."""
    store = open_store(settings)
    summary = refresh_latest(store, load_pipeline())
    started = None if summary is None else find_last_start(store, summary["run_id"])
    return None if started is None or started < since else summary


def describe_run(settings: BaseSettings, summary: dict[str, Any]) -> dict[str, Any]:
    """Describe a run for scripts: its summary, and as `sweep` its sweep's outcome or None."""
    return {**summary, "sweep": read_outcome(open_store(settings), summary["run_id"])}


def format_newest_run(settings: BaseSettings, summary: dict[str, Any]) -> str:
    """Format a run for people, with the trials if it is a sweep."""
    outcome = read_outcome(open_store(settings), summary["run_id"])
    return format_run(summary) + (format_trials(outcome) if outcome and outcome["chosen"] else "")
