"""Write samples where ingest.path points, to try the pipeline before your data is there."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import write_line
from mlpo_kit.config.settings import load_settings

HELP = "write samples where ingest.path points"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, where pictures are made up."""
    add_profile(parser)
    parser.add_argument("--classes", type=int, default=0, help="make up pictures of so many")
    parser.add_argument("--per-class", type=int, default=100, help="how many of each")


def run(chosen: argparse.Namespace) -> int:
    """Write them."""
    from mlpo_kit.testing.samples import write_samples

    ingest = load_settings(chosen.profile).ingest
    write_line(write_samples(ingest, chosen.classes, chosen.per_class))
    return DONE
