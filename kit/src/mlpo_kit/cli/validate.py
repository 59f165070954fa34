"""Check what a cluster would be given, without one."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.manifests import render_all
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import add_json, write_answer
from mlpo_kit.cluster.manifests import KUBERNETES, check_manifests

HELP = "check what a cluster would be given, without one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The profile, and the release of Kubernetes."""
    add_profile(parser, default="cluster")
    add_json(parser)
    parser.add_argument(
        "-k",
        "--kubernetes",
        metavar="VERSION",
        default=KUBERNETES,
        help=f"the release to check against; {KUBERNETES} where none is given",
    )


def run(chosen: argparse.Namespace) -> int:
    """Check them, and say so."""
    files, _, problems = render_all(chosen.profile)
    sentence = check_manifests(files, chosen.kubernetes, problems)
    count = sum(map(len, files.values()))
    document = {"schema_version": 1, "kubernetes": chosen.kubernetes, "manifests": count}
    write_answer(chosen, document, sentence)
    return DONE
