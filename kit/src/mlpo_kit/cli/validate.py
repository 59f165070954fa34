"""Check the Kubernetes manifests without a cluster."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.manifests import render_all
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.cluster.manifests import KUBERNETES, check_manifests

HELP = "check the manifests and the pipeline, without a cluster"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --kubernetes, --profile and --json."""
    add_profile(parser, default="cluster")
    add_json(parser)
    parser.add_argument(
        "-k",
        "--kubernetes",
        metavar="VERSION",
        default=KUBERNETES,
        help=f"the release of Kubernetes to check against (default: {KUBERNETES})",
    )


def run(chosen: argparse.Namespace) -> int:
    """Check the manifests; raises PipelineError that lists the problems."""
    files, _, problems = render_all(chosen.profile)
    sentence = check_manifests(files, chosen.kubernetes, problems)
    count = sum(map(len, files.values()))
    document = {"schema_version": 1, "kubernetes": chosen.kubernetes, "manifests": count}
    write_answer(chosen, document, sentence)
    return DONE
