"""Go on after the step that failed."""

from __future__ import annotations

import argparse
import os
import time

from mlpo_kit.config.settings import BaseSettings, load_settings
from mlpo_kit.execution.table import format_run
from mlpo_kit.metaflow.launch import prepare, start_flow
from mlpo_kit.metaflow.variants import VARIANT, choose_variant, find_newest_variant
from mlpo_kit.metaflow.verbs.options import add_options, add_skip
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.runs.records import find_last_start
from mlpo_kit.runs.summary import refresh_latest
from mlpo_kit.store import open_store

HELP = "go on after the step that failed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The profile, and what not to ask before."""
    add_options(parser)
    add_skip(parser)


def run(chosen: argparse.Namespace) -> int:
    """Resume the run that was started last from here, with the settings that it has."""
    settings, began = load_settings(chosen.profile), time.time()
    wanted = chosen.variant or os.environ.get(VARIANT) or find_newest_variant()
    prepare(settings, "resume", chosen.skip)
    code = start_flow(["resume", *chosen.more], choose_variant(settings, wanted))
    if settings.compute == "local":
        _print_run(settings, began)
    return code


def _print_run(settings: BaseSettings, since: float) -> None:
    """Print what the resumed run did, as `run` does; nothing where it did not come to a stage."""
    store = open_store(settings)
    summary = refresh_latest(store, load_pipeline())
    started = None if summary is None else find_last_start(store, summary["run_id"])
    if summary is not None and started is not None and started >= since:
        print(format_run(summary))
