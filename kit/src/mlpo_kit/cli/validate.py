"""Check what a cluster would be given, without one."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.manifests import render_all
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cluster.manifests import KUBERNETES, check_manifests

HELP = "check what a cluster would be given, without one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The profile, and the release of Kubernetes."""
    add_profile(parser, default="cluster")
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
    print(check_manifests(files, chosen.kubernetes, problems))
    return 0
