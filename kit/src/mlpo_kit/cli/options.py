"""What may be chosen on the command line for a run, the same under every orchestrator."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from mlpo_kit.config.settings import check_settings, read_profile


@dataclass(frozen=True)
class RunOptions:
    """A run as somebody wants it."""

    profile: str = "local"
    changes: tuple[str, ...] = ()  # such as "train.epochs=5"
    use_cache: bool = True
    sweep: str | None = None  # the file of a sweep, by its name in configs/ or by a path
    skip: tuple[str, ...] = ()  # questions that a cluster is not asked before
    more: tuple[str, ...] = ()  # for the orchestrator's own command line

    def read_document(self) -> dict[str, Any]:
        """Read the settings with the changes on top, as a document that was checked."""
        return read_profile(self.profile, self.changes)

    def load_settings(self) -> Any:
        """Load the settings with the changes on top."""
        return check_settings(self.read_document())


def add_profile(parser: argparse.ArgumentParser, default: str = "local") -> None:
    """Add the option that names a profile."""
    parser.add_argument(
        "--profile",
        default=default,
        metavar="NAME",
        help=f"a file of configs/, or a path; {default} if not given",
    )


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Add the option that changes settings."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="another value for this run, such as train.epochs=5; may be repeated",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add all options of a run."""
    add_profile(parser)
    add_changes(parser)
    parser.add_argument(
        "--no-cache", action="store_true", help="every stage does its work, whatever is known"
    )
    parser.add_argument(
        "--skip", action="append", default=[], metavar="QUESTION", help="what not to ask a cluster"
    )
    add_require_promotion(parser)


def add_require_promotion(parser: argparse.ArgumentParser) -> None:
    """Add the option that makes a refused candidate a failure."""
    parser.add_argument(
        "--require-promotion",
        action="store_true",
        help="exit with 1 where the gate refuses the model",
    )


def parse_run_options(chosen: argparse.Namespace, more: tuple[str, ...] = ()) -> RunOptions:
    """Turn parsed arguments into the options of a run."""
    return RunOptions(
        profile=chosen.profile,
        changes=tuple(chosen.set),
        use_cache=not chosen.no_cache,
        sweep=getattr(chosen, "sweep", None),
        skip=tuple(chosen.skip),
        more=more,
    )
