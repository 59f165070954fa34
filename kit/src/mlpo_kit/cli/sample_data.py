"""Write sample data to ingest.path, to try the pipeline before you have your own data."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import write_line
from mlpo_kit.config.settings import load_settings

HELP = "write sample data to ingest.path, to try the pipeline"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --classes and --per-class."""
    add_profile(parser)
    parser.add_argument(
        "--classes",
        type=int,
        default=0,
        help="generate pictures of this many classes (default: write scikit-learn's digits)",
    )
    parser.add_argument(
        "--per-class", type=int, default=100, help="pictures to generate per class (default: 100)"
    )


def run(chosen: argparse.Namespace) -> int:
    """Write the samples and print what was written."""
    from mlpo_kit.testing.samples import write_samples

    ingest = load_settings(chosen.profile).ingest
    write_line(write_samples(ingest, chosen.classes, chosen.per_class))
    return DONE
