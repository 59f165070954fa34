"""What the verbs about a cluster have in common: the settings of the run, and what is compiled."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlpo_kit.cli.options import add_changes, add_profile
from mlpo_kit.errors import PipelineError

if TYPE_CHECKING:
    from mlpo_kit.kubeflow.compiling import Compiled


def add_compile_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which pipeline is compiled."""
    add_profile(parser, default="cluster")
    add_changes(parser)
    parser.add_argument(
        "--no-cache", action="store_true", help="every stage does its work, whatever is known"
    )
    parser.add_argument(
        "--sweep",
        nargs="?",
        const="sweep",
        metavar="FILE",
        help="train once per trial of configs/sweep.yaml, or of another file, and take the best",
    )


def add_cron(parser: argparse.ArgumentParser) -> None:
    """Add the option that says when."""
    parser.add_argument("--cron", required=True, help="'0 0 3 * * *': seconds first, six fields")


def compile_chosen(chosen: argparse.Namespace) -> Compiled:
    """Compile the pipeline that was chosen."""
    from mlpo_kit.kubeflow.compiling import compile_pipeline

    return compile_pipeline(chosen.profile, chosen.set, not chosen.no_cache, chosen.sweep)


def check_cron(cron: str) -> None:
    """Raise PipelineError where a time has not the six fields that KFP reads."""
    if len(cron.split()) != 6:
        raise PipelineError(
            f"--cron {cron!r} has not six fields: seconds, minutes, hours, day of month, month, "
            "day of week; '0 0 3 * * *' is every night at three"
        )
