"""Run all stages, then print what they did as a table, and prune what retention gives up."""

from __future__ import annotations

import argparse
import time
import traceback
from typing import Any

from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.cli.exit_codes import ALL, DONE, FAILED, INTERRUPTED, PREEMPTED
from mlpo_kit.cli.options import RunOptions, add_run_options, parse_run_options
from mlpo_kit.cli.output import write_line, write_message
from mlpo_kit.cli.prune import prune_after_run
from mlpo_kit.cli.table import find_run_since, format_newest_run
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError

HELP = "run all stages, then print what they did as a table"
# What the exit code says of a run that did not complete, where it says more than that.
CODES = {"preempted": PREEMPTED, "interrupted": INTERRUPTED}
# States of a run that is no failure: a refusal is an outcome, and some may go on elsewhere.
UNFAILED = ("completed", "refused", "running", "incomplete")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a run."""
    add_run_options(parser)
    parser.set_defaults(takes_more=True)  # what else there is belongs to the orchestrator


def run(chosen: argparse.Namespace) -> int:
    """Run the pipeline."""
    options = parse_run_options(chosen, tuple(chosen.more))
    return start(options, chosen.require_promotion)


def start(options: RunOptions, require_promotion: bool = False) -> int:
    """Run the pipeline, or a sweep, with its table and its prune behind it.

    Returns the exit code. Where `require_promotion`, a refused candidate is a failure.
    """
    began, settings = time.time(), options.load_settings()
    is_local = settings.compute == "local"
    code = _call_adapter(options, settings, began)
    summary = find_run_since(settings, began) if is_local or require_promotion else None
    if is_local and summary is not None:
        write_line(format_newest_run(settings, summary))
        if code == DONE:
            prune_after_run(settings)
    return choose_exit_code(code, summary, require_promotion)


def choose_exit_code(code: int, summary: dict[str, Any] | None, require_promotion: bool) -> int:
    """Choose the exit code from what the adapter returned and what the records say.

    `summary` is that of the run; None where it left no record that can be read here.
    """
    status = None if summary is None else str(summary["status"])
    if status in CODES:
        return CODES[status]
    if code != DONE:
        return code if code in ALL else FAILED
    if require_promotion and status != "completed":
        words = f"run {summary['run_id']} was {status}" if summary else "no record tells of the run"
        write_message(f"error: {words}, and --require-promotion wants a model that is promoted")
        return FAILED
    return DONE if status is None or status in UNFAILED else FAILED


def _call_adapter(options: RunOptions, settings: BaseSettings, began: float) -> int:
    """Let the orchestrator run; what goes wrong in a stage is the stage's, and in its record."""
    try:
        return load_adapter().run(options)
    except PipelineError as error:
        write_message(f"error: {error}")
        return FAILED
    except Exception:
        summary = find_run_since(settings, began) if settings.compute == "local" else None
        if summary is None or summary["status"] in UNFAILED:
            raise
        traceback.print_exc()  # of use to whoever wrote the stage
        return FAILED
