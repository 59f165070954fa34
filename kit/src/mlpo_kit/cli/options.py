"""The command line's options of a run, which are the same for every orchestrator."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from mlpo_kit.config.settings import check_settings, read_profile


@dataclass(frozen=True)
class RunOptions:
    """The options that the user chose for a run."""

    profile: str = "local"
    changes: tuple[str, ...] = ()  # such as "train.epochs=5"
    use_cache: bool = True
    sweep: str | None = None  # the sweep's file: its name in configs/, or a path
    skip: tuple[str, ...] = ()  # the checks of a cluster to skip before the run
    extra_arguments: tuple[str, ...] = ()  # arguments for the orchestrator's own command line

    def read_document(self) -> dict[str, Any]:
        """Read the profile with the changes applied, as a document that was checked."""
        return read_profile(self.profile, self.changes)

    def load_settings(self) -> Any:
        """Load the settings with the changes applied."""
        return check_settings(self.read_document())


def add_profile(parser: argparse.ArgumentParser, default: str = "local") -> None:
    """Add --profile."""
    parser.add_argument(
        "--profile",
        default=default,
        metavar="NAME",
        help=f"a file of configs/, or a path (default: {default})",
    )


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Add --set."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="change a setting for this run, such as train.epochs=5; may be repeated",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add all options of a run."""
    add_profile(parser)
    add_changes(parser)
    parser.add_argument("--no-cache", action="store_true", help="run every stage, reuse no result")
    parser.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="CHECK",
        help="skip a preflight check of the cluster; may be repeated",
    )
    add_require_promotion(parser)


def add_require_promotion(parser: argparse.ArgumentParser) -> None:
    """Add --require-promotion, which makes a refused candidate a failure."""
    parser.add_argument(
        "--require-promotion",
        action="store_true",
        help="exit with 1 if the gate refuses the model",
    )


def parse_run_options(
    chosen: argparse.Namespace, extra_arguments: tuple[str, ...] = ()
) -> RunOptions:
    """Return the options of a run; `extra_arguments` go to the orchestrator."""
    return RunOptions(
        profile=chosen.profile,
        changes=tuple(chosen.set),
        use_cache=not chosen.no_cache,
        sweep=getattr(chosen, "sweep", None),
        skip=tuple(chosen.skip),
        extra_arguments=extra_arguments,
    )
