"""Ask cluster, store and registry whether a run could start there."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE, FAILED
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer, write_message
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
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Ask, and say what was answered; returns 1 where a run could not start."""
    settings = load_settings(chosen.profile)
    answers = list(ask_all(settings, read_cluster(Cluster, settings, others=True), chosen.skip))
    fine = [sentence for is_fine, sentence in answers if is_fine]
    wrong = [sentence for is_fine, sentence in answers if not is_fine]
    if fine or chosen.json:
        document = {"schema_version": 1, "fine": fine, "problems": wrong}
        write_answer(chosen, document, "\n".join(f"fine: {sentence}" for sentence in fine))
    if wrong:
        write_message("error: a run could not start:\n  - " + "\n  - ".join(wrong))
    return FAILED if wrong else DONE
