"""What the verbs about a cluster have in common: the settings of the run, and what is compiled."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlpo_kit.errors import PipelineError

if TYPE_CHECKING:
    from mlpo_kit.kubeflow.compiling import Compiled


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a profile."""
    parser.add_argument("--profile", default="cluster", help="a file of configs/, or a path")


def add_compile_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which pipeline is compiled."""
    add_profile(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="another value for this pipeline, such as train.epochs=5; may be repeated",
    )
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
