"""What the verbs of Metaflow have in common."""

from __future__ import annotations

import argparse

from mlpo_kit.metaflow.variants import NODES, PLAIN, SWEEP


def add_options(parser: argparse.ArgumentParser, profile: str = "local") -> None:
    """Add the profile and the form of the flow; what else there is belongs to Metaflow."""
    parser.add_argument(
        "--profile",
        default=profile,
        metavar="NAME",
        help=f"a file of configs/, or a path; {profile} if not given",
    )
    parser.add_argument(
        "--variant",
        choices=(PLAIN, SWEEP, NODES),
        help="which form of the flow; MLPO_KIT_VARIANT says it, too",
    )
    parser.set_defaults(takes_more=True)


def add_skip(parser: argparse.ArgumentParser) -> None:
    """Add the option that leaves out questions."""
    parser.add_argument(
        "--skip", action="append", default=[], metavar="QUESTION", help="what not to ask a cluster"
    )


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Add the option that changes settings."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="another value, such as train.epochs=5; may be repeated",
    )
