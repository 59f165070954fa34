"""The options that several Kubeflow verbs share, and compiling with them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlpo_kit.errors import PipelineError

if TYPE_CHECKING:
    from mlpo_kit.kubeflow.compiling import Compiled


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Add --profile."""
    parser.add_argument("--profile", default="cluster", help="a profile in configs/, or a path")


def add_compile_options(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --set, --no-cache and --sweep."""
    add_profile(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="change a setting of this pipeline, such as train.epochs=5; may be repeated",
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="run every stage, without reusing results"
    )
    parser.add_argument(
        "--sweep",
        nargs="?",
        const="sweep",
        metavar="FILE",
        help="train once per trial in configs/sweep.yaml or in FILE, and use the best",
    )


def add_cron(parser: argparse.ArgumentParser) -> None:
    """Add --cron."""
    parser.add_argument(
        "--cron", required=True, help="six fields, seconds first, such as '0 0 3 * * *'"
    )


def compile_chosen(chosen: argparse.Namespace) -> Compiled:
    """Compile the pipeline that the options describe."""
    from mlpo_kit.kubeflow.compiling import compile_pipeline

    return compile_pipeline(chosen.profile, chosen.set, not chosen.no_cache, chosen.sweep)


def check_cron(cron: str) -> None:
    """Raise PipelineError unless a cron expression has the six fields that KFP reads."""
    if len(cron.split()) != 6:
        raise PipelineError(
            f"--cron {cron!r} does not have six fields: seconds, minutes, hours, day of month, "
            "month, day of week; '0 0 3 * * *' is every night at three"
        )
