"""Ask cluster, store and registry whether a run could start there."""

from __future__ import annotations

import argparse
import sys

from mlpo_kit.cli.options import add_profile
from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.preflight import QUESTIONS, ask_all
from mlpo_kit.config.settings import load_settings

HELP = "ask cluster, store and registry whether a run could start there"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to leave out."""
    add_profile(parser, default="cluster")
    parser.add_argument(
        "--skip", action="append", default=[], choices=QUESTIONS, help="what not to ask"
    )


def run(chosen: argparse.Namespace) -> int:
    """Ask, and say what was answered; returns 1 where a run could not start."""
    settings = load_settings(chosen.profile)
    answers = list(ask_all(settings, read_cluster(Cluster, settings, others=True), chosen.skip))
    for is_fine, sentence in answers:
        if is_fine:
            print(f"fine: {sentence}")
    wrong = [sentence for is_fine, sentence in answers if not is_fine]
    if wrong:
        print("error: a run could not start:\n  - " + "\n  - ".join(wrong), file=sys.stderr)
    return 1 if wrong else 0
