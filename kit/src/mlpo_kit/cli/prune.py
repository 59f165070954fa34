"""Show what the retention policy would delete, or delete it."""

from __future__ import annotations

import argparse
import time

from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer, write_line, write_message
from mlpo_kit.config.settings import BaseSettings, load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.retention import view
from mlpo_kit.retention.prune import apply_plan, may_drop, plan_prune

HELP = "show what retention would delete; --apply deletes it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --apply, --profile and --json."""
    add_profile(parser)
    parser.add_argument(
        "--apply", action="store_true", help="delete it; without this option nothing is deleted"
    )
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Show the plan, or apply it and show what was deleted."""
    settings, adapter = load_settings(chosen.profile), load_adapter()
    if chosen.apply:
        plan = apply_plan(settings, adapter.delete_runs, adapter.find_kept_runs)
    else:
        plan = plan_prune(settings, adapter.find_kept_runs)
    document = view.to_document(plan, chosen.apply)
    write_answer(chosen, document, view.format_plan(plan, chosen.apply, time.time()))
    return DONE


def prune_after_run(settings: BaseSettings) -> None:
    """Delete what the retention policy no longer keeps, if retention.auto is on.

    The run is over, so an error is only a warning here.
    """
    try:
        if not (settings.retention.auto and may_drop(settings)):
            return
        adapter = load_adapter()
        plan = apply_plan(settings, adapter.delete_runs, adapter.find_kept_runs)
        if not plan.is_empty:
            write_line(view.summarize_plan(plan, is_applied=True))
    except PipelineError as error:
        write_message(f"warning: nothing was pruned: {error}")
