"""The command line of the setup: its verbs, and how it reports errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from . import eject, install, lock
from .environment import SetupError

VERBS: dict[str, tuple[Callable[..., None], str]] = {
    "all": (install.install_all, "create the whole environment, .venv; `make setup` runs this"),
    "packages": (
        install.install_packages_only,
        "install the locked packages without tools, for an image",
    ),
    "kit": (install.install_kit_only, "install the kit into an existing .venv"),
    "lock": (
        lock.update_locks,
        "resolve pyproject.toml into the lock files; `make lock` runs this",
    ),
    "eject": (eject.eject, "write the kit's sources to vendor/mlpo-kit, for you to edit"),
    "restore": (eject.restore, "return to the kit's wheel; --discard deletes your edits"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one verb (`all` by default) in the working folder, which must be a project's.

    Returns the exit code: 0, or 1 after an error message on stderr. Usage errors exit with 2.
    """
    text = "\n".join(f"  {verb:10}{what}" for verb, (_, what) in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="mlpo_kit/setup",
        epilog=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", nargs="?", choices=VERBS, default="all", metavar="VERB")
    parser.add_argument("--discard", action="store_true", help="for restore: delete your edits")
    parsed = parser.parse_args(arguments)
    if parsed.discard and parsed.verb != "restore":
        parser.error("--discard is only for restore")
    options = {"discard": True} if parsed.discard else {}
    try:
        VERBS[parsed.verb][0](**options)
    except SetupError as error:
        print(f"setup: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
