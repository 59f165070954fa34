"""Resume the last run at the step that failed."""

from __future__ import annotations

import argparse
import os

from mlpo_kit.config.settings import load_settings
from mlpo_kit.metaflow.launch import prepare, start_run
from mlpo_kit.metaflow.variants import VARIANT, choose_variant, find_newest_variant
from mlpo_kit.metaflow.verbs.options import add_options, add_skip

HELP = "resume the last run at the step that failed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --variant and --skip; other arguments go to Metaflow."""
    add_options(parser)
    add_skip(parser)
    parser.set_defaults(resumes=True)


def run(chosen: argparse.Namespace) -> int:
    """Resume the run that was started last on this machine, with its own settings."""
    settings = load_settings(chosen.profile)
    wanted = chosen.variant or os.environ.get(VARIANT) or find_newest_variant()
    prepare(settings, "resume", chosen.skip)
    return start_run(
        settings, ["resume", *chosen.extra_arguments], choose_variant(settings, wanted)
    )
