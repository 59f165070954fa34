"""The verbs of setting up, and how a failure is told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from . import eject, install, lock
from .environment import SetupError

VERBS: dict[str, tuple[Callable[..., None], str]] = {
    "all": (install.everything, "the whole environment, .venv: what `make setup` runs"),
    "packages": (install.packages_only, "the locked packages without tools: for an image"),
    "kit": (install.kit_only, "the kit into the .venv that is there"),
    "lock": (lock.main, "resolve pyproject.toml into the locks: what `make lock` runs"),
    "eject": (eject.eject, "the kit's sources into vendor/mlpo-kit, yours to edit"),
    "restore": (eject.restore, "back to the kit's wheel; --discard deletes what was edited"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one verb in the current folder, a project's; `all` without one.

    Returns the exit code: 0, or 1 after one sentence on stderr that says what to do; 2 for usage.
    """
    text = "\n".join(f"  {verb:10}{what}" for verb, (_, what) in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="mlpo_kit/setup",
        epilog=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", nargs="?", choices=VERBS, default="all", metavar="VERB")
    parser.add_argument("--discard", action="store_true", help="with restore")
    chosen = parser.parse_args(arguments)
    if chosen.discard and chosen.verb != "restore":
        parser.error("--discard goes with restore")
    options = {"discard": True} if chosen.discard else {}
    try:
        VERBS[chosen.verb][0](**options)
    except SetupError as error:
        print(f"setup: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
