"""Show what the next run would do and why, without running it."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_changes, add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.config.settings import load_settings
from mlpo_kit.execution.plan import format_plan, plan_run, to_document
from mlpo_kit.runs.workspace import Run

HELP = "show what the next run would do, and why"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --set, --no-cache and --json."""
    add_profile(parser)
    add_changes(parser)
    parser.add_argument("--no-cache", action="store_true", help="plan a run with --no-cache")
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print the plan."""
    settings = load_settings(chosen.profile, chosen.set)
    steps = plan_run(Run("plan", "none", settings, use_cache=not chosen.no_cache))
    write_answer(chosen, to_document(steps), format_plan(steps))
    return DONE
