"""Send to MLflow what was not sent yet: runs whose server was away, or whose process was killed."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from mlpo_kit.cli.exit_codes import DONE, FAILED
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer, write_message
from mlpo_kit.config.settings import BaseSettings, check_settings, load_settings
from mlpo_kit.execution.tracking import clear_mark, list_unsent, read_mark
from mlpo_kit.runs.copies import hold_copy
from mlpo_kit.runs.identify import find_run
from mlpo_kit.store import open_store
from mlpo_kit.store.files import read_json

HELP = "send to MLflow what was not sent yet"
# If the server is away, this command says so soon; the next one tries again.
SHORT_WAITS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --run, --follow, --profile and --json."""
    add_profile(parser)
    parser.add_argument("--run", help="the run's id, or a part of it (default: all not sent)")
    parser.add_argument(
        "--follow",
        action="store_true",
        help="send what is new until the run has ended, as the process in the background does",
    )
    # The settings of a run that is being followed, as a JSON document.
    parser.add_argument("--settings", type=Path, help=argparse.SUPPRESS)
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Send the runs, and say for each whether it is complete."""
    for name, value in SHORT_WAITS.items():
        os.environ.setdefault(name, value)
    if chosen.settings is not None:
        settings = check_settings(read_json(chosen.settings))
    else:
        settings = load_settings(chosen.profile)
    run_id = find_run(open_store(settings), chosen.run) if chosen.run else None
    if run_id and chosen.follow:
        from mlpo_kit.models.following import follow_run

        with hold_copy():  # of the sources: reports may import from it
            follow_run(settings, run_id, lambda: make_report(settings, run_id))
        return DONE
    outcomes = _send_all(settings, [run_id] if run_id else None)
    write_answer(chosen, {"schema_version": 1, "runs": outcomes}, _format(outcomes))
    problems = dict.fromkeys(outcome["problem"] for outcome in outcomes if outcome["problem"])
    for problem in problems:
        write_message(f"error: {problem}; nothing is lost: the next command tries again")
    return FAILED if problems else DONE


def make_report(settings: BaseSettings, run_id: str) -> str:
    """Make the page of a run, or one with the error."""
    from mlpo_kit.reports.page import build_report_or_reason

    return build_report_or_reason(open_store(settings), run_id)


def _send_all(settings: BaseSettings, run_ids: list[str] | None) -> list[dict[str, Any]]:
    """Send runs, by default all that were not sent; returns what became of each.

    Ends when the server does not answer: each of the others would wait for it as long.
    """
    outcomes = []
    for run_id in list_unsent(open_store(settings)) if run_ids is None else run_ids:
        outcome, has_answered = _send(settings, run_id)
        outcomes.append(outcome)
        if not has_answered:
            break
    return outcomes


def _send(settings: BaseSettings, run_id: str) -> tuple[dict[str, Any], bool]:
    """Send a run; returns what became of it as a document, and whether MLflow answered."""
    from mlpo_kit.models.sending import explain_problem, is_away, note_problem, send_run

    store = open_store(settings)
    mark = read_mark(store, run_id)
    outcome: dict[str, Any] = {"run_id": run_id, "mlflow_run": None, "state": "not sent"}
    try:
        sent = send_run(settings, run_id, lambda: make_report(settings, run_id))
    except Exception as error:  # MLflow's libraries have no common base class
        problem = explain_problem(error, settings)
        note_problem(store, run_id, problem)
        return {**outcome, "problem": problem}, not is_away(error)
    if mark is not None and (sent is None or sent.is_closed):
        clear_mark(store, run_id, mark)
    if sent is None:
        return {**outcome, "state": "pruned", "problem": None}, True
    state = "complete" if sent.is_closed else "running"
    return {**outcome, "mlflow_run": sent.mlflow_run, "state": state, "problem": None}, True


def _format(outcomes: list[dict[str, Any]]) -> str:
    if not outcomes:
        return "everything is in MLflow"
    width = max(len(outcome["run_id"]) for outcome in outcomes)
    return "\n".join(f"  {o['run_id']:<{width}}  {o['state']}" for o in outcomes)
