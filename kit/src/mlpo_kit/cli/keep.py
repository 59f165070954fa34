"""Mark a run so that its files are never deleted."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.config.settings import load_settings
from mlpo_kit.retention.marks import keep_run
from mlpo_kit.runs.identify import find_run
from mlpo_kit.store import open_store

HELP = "keep the files of a run for good"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add RUN, --undo, --profile and --json."""
    add_profile(parser)
    parser.add_argument("run_id", metavar="RUN", help="the run's id, or a part of it")
    parser.add_argument("--undo", action="store_true", help="no longer keep them")
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Set or remove the mark."""
    settings = load_settings(chosen.profile)
    store = open_store(settings)
    run_id = find_run(store, chosen.run_id)
    sentence = keep_run(store, run_id, chosen.undo)
    document = {"schema_version": 1, "run_id": run_id, "is_kept": not chosen.undo}
    write_answer(chosen, document, sentence)
    return DONE
