"""The options that several Metaflow verbs share."""

from __future__ import annotations

import argparse

from mlpo_kit.metaflow.variants import NODES, PLAIN, SWEEP


def add_options(parser: argparse.ArgumentParser, profile: str = "local") -> None:
    """Add --profile and --variant, and let all other arguments go to Metaflow."""
    parser.add_argument(
        "--profile",
        default=profile,
        metavar="NAME",
        help=f"a profile in configs/, or a path; default: {profile}",
    )
    parser.add_argument(
        "--variant",
        choices=(PLAIN, SWEEP, NODES),
        help="the variant of the flow; or set MLPO_KIT_VARIANT",
    )
    parser.set_defaults(accepts_extra_arguments=True)


def add_skip(parser: argparse.ArgumentParser) -> None:
    """Add --skip."""
    parser.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="QUESTION",
        help="a check of the cluster to leave out; may be repeated",
    )


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Add --set."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="change a setting, such as train.epochs=5; may be repeated",
    )
