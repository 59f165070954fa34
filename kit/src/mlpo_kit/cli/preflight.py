"""Ask cluster, store and registry whether a run could start there."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.cli.exit_codes import DONE, FAILED
from mlpo_kit.cli.manifests import render_all
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer, write_message
from mlpo_kit.cluster.description import read_cluster
from mlpo_kit.cluster.namespace import Answer
from mlpo_kit.cluster.preflight import QUESTIONS, ask_all
from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import PipelineError

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
    answers = list(_ask(chosen))
    fine = [sentence for is_fine, sentence in answers if is_fine]
    wrong = [sentence for is_fine, sentence in answers if not is_fine]
    if fine or chosen.json:
        document = {"schema_version": 1, "fine": fine, "problems": wrong}
        write_answer(chosen, document, "\n".join(f"fine: {sentence}" for sentence in fine))
    if wrong:
        write_message("error: a run could not start:\n  - " + "\n  - ".join(wrong))
    return FAILED if wrong else DONE


def _ask(chosen: argparse.Namespace) -> Iterator[Answer]:
    """Ask all that is not to be skipped, Kubernetes also about the manifests."""
    settings = load_settings(chosen.profile)
    cluster, files = read_cluster(load_adapter().CLUSTER, settings), None
    if settings.compute == "kubernetes" and "kubernetes" not in chosen.skip:
        try:
            files = render_all(chosen.profile)[0]
        except PipelineError as error:
            yield False, str(error)
    yield from ask_all(settings, cluster, chosen.skip, files)
