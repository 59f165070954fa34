"""Run all stages, print a table of the results, then prune."""

from __future__ import annotations

import argparse
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.cli.exit_codes import ALL, DONE, FAILED, INTERRUPTED, PREEMPTED
from mlpo_kit.cli.options import RunOptions, add_run_options, parse_run_options
from mlpo_kit.cli.output import add_json, divert_output, write_line, write_message
from mlpo_kit.cli.prune import prune_after_run
from mlpo_kit.cli.snapshot import add_like
from mlpo_kit.cli.table import describe_run, find_run_since, format_newest_run
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.states import INTERRUPT_REASON
from mlpo_kit.execution.tracking import finish_tracking, send_in_background
from mlpo_kit.runs.deaths import record_deaths
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.store import open_store
from mlpo_kit.store.files import to_json
from mlpo_kit.store.full_disk import explain_full_disk

HELP = "run all stages, then show a table of the results"
# The exit codes of statuses that have one of their own.
CODES = {"preempted": PREEMPTED, "interrupted": INTERRUPTED}
# Statuses that are not a failure: a refusal is a result, and a run may continue on a cluster.
UNFAILED = ("completed", "refused", "running", "incomplete")
NO_RECORD = "the run ended before its first stage; standard error says why"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a run, --like and --json."""
    add_run_options(parser)
    add_like(parser)
    add_json(parser)
    parser.set_defaults(accepts_extra_arguments=True)  # unknown options go to the orchestrator


def run(chosen: argparse.Namespace) -> int:
    """Run the pipeline."""
    if chosen.like and find_project().copy is None:  # `main` was called by other code
        raise PipelineError("--like needs a process of its own: start `mlpo-kit run --like ...`")
    options = parse_run_options(chosen, tuple(chosen.extra_arguments))
    return start(options, chosen.require_promotion, chosen.json)


def start(options: RunOptions, require_promotion: bool = False, wants_json: bool = False) -> int:
    """Run the pipeline or a sweep, print its table, and prune; returns the exit code.

    With `require_promotion` a refused candidate is a failure. With `wants_json` stdout holds a
    document that describes the run, and nothing else.
    """
    settings = options.load_settings()
    return follow_run(settings, lambda: load_adapter().run(options), require_promotion, wants_json)


def follow_run(
    settings: BaseSettings,
    launch: Callable[[], int],
    require_promotion: bool = False,
    wants_json: bool = False,
) -> int:
    """Start a run with `launch`, print its table, and prune; returns the exit code.

    `launch` returns the orchestrator's exit code. The two flags are those of `start`.
    """
    send_in_background(settings)
    began, is_local = time.time(), settings.compute == "local"
    with divert_output() if wants_json else nullcontext():
        code, problem = _call(launch, settings, began)
        needs_summary = is_local or require_promotion or wants_json
        summary = find_run_since(settings, began) if needs_summary else None
        if summary is not None and is_local and code == INTERRUPTED:
            store = open_store(settings)
            # Those that a second Ctrl-C killed could not record it.
            record_deaths(
                store, load_pipeline(), summary["run_id"], INTERRUPT_REASON, "interrupted"
            )
            summary = find_run_since(settings, began)
        if is_local and summary is not None:
            write_line(format_newest_run(settings, summary))
            if code == DONE:
                prune_after_run(settings)
            if warning := finish_tracking(settings, summary["run_id"]):
                write_message(f"warning: {warning}")
    code = choose_exit_code(code, summary, require_promotion)
    if wants_json:
        write_line(to_json(_describe(settings, summary, code, problem)).rstrip())
    return code


def _describe(
    settings: BaseSettings, summary: dict[str, Any] | None, code: int, problem: str | None
) -> dict[str, Any]:
    """Describe the run as `table --json` does, with the error if there was one."""
    if summary is not None:
        document = describe_run(settings, summary)
    else:
        document = {"schema_version": 1, "run_id": None}
        problem = problem or (NO_RECORD if code != DONE else None)
    return document if problem is None else {**document, "error": problem}


def choose_exit_code(code: int, summary: dict[str, Any] | None, require_promotion: bool) -> int:
    """Choose the exit code from the adapter's exit code and the run's summary.

    `summary` is None if the run left no record that this machine can read.
    """
    status = None if summary is None else str(summary["status"])
    if status in CODES:
        return CODES[status]
    if code != DONE:
        return code if code in ALL else FAILED
    if require_promotion and status != "completed":
        words = f"run {summary['run_id']} is {status}" if summary else "the run left no record"
        write_message(f"error: {words}, but --require-promotion requires a promoted model")
        return FAILED
    return DONE if status is None or status in UNFAILED else FAILED


def _call(
    launch: Callable[[], int], settings: BaseSettings, began: float
) -> tuple[int, str | None]:
    """Call `launch`; returns its exit code, and the error message if one was written.

    Shows the traceback of an error in a stage. Raises again any other error that is not a
    PipelineError: it is a defect of mlpo-kit.
    """
    try:
        return launch(), None
    except KeyboardInterrupt:
        return INTERRUPTED, "interrupted"
    except PipelineError as error:
        write_message(f"error: {error}")
        return FAILED, str(error)
    except Exception as error:
        if (sentence := explain_full_disk(error, settings.local_root)) is not None:
            write_message(f"error: {sentence}")
            return FAILED, sentence
        summary = find_run_since(settings, began) if settings.compute == "local" else None
        if summary is None or summary["status"] in UNFAILED:
            raise
        trace = find_project().name_files(traceback.format_exc())
        write_message(trace.rstrip())  # for the author of the stage
        return FAILED, None
