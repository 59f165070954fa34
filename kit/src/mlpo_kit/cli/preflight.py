"""Check that a run could start: ask the cluster, the store and the registries."""

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

HELP = "check that cluster, store and registry are ready for a run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --skip, --profile and --json."""
    add_profile(parser, default="cluster")
    parser.add_argument(
        "--skip",
        action="append",
        default=[],
        choices=QUESTIONS,
        help="skip this check; may be repeated",
    )
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run the checks and print their results; returns 1 if a run could not start."""
    answers = list(_ask(chosen))
    fine = [sentence for is_fine, sentence in answers if is_fine]
    problems = [sentence for is_fine, sentence in answers if not is_fine]
    if fine or chosen.json:
        document = {"schema_version": 1, "fine": fine, "problems": problems}
        write_answer(chosen, document, "\n".join(f"fine: {sentence}" for sentence in fine))
    if problems:
        write_message("error: a run could not start:\n  - " + "\n  - ".join(problems))
    return FAILED if problems else DONE


def _ask(chosen: argparse.Namespace) -> Iterator[Answer]:
    """Run all checks that are not skipped; Kubernetes also checks the manifests."""
    settings = load_settings(chosen.profile)
    cluster, files = read_cluster(load_adapter().CLUSTER, settings), None
    if settings.compute == "kubernetes" and "kubernetes" not in chosen.skip:
        try:
            files = render_all(chosen.profile)[0]
        except PipelineError as error:
            yield False, str(error)
    yield from ask_all(settings, cluster, chosen.skip, files)
