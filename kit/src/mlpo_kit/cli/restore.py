"""Delete the kit's ejected sources, so that the project uses the wheel again."""

from __future__ import annotations

import argparse
import os

from mlpo_kit.config.project import find_project
from mlpo_kit.setup.verbs import main

HELP = "delete the ejected sources; the project uses the wheel in vendor/ again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --discard."""
    parser.add_argument(
        "--discard", action="store_true", help="delete the sources even if you edited them"
    )


def run(chosen: argparse.Namespace) -> int:
    """Delete the sources and print the next step."""
    os.chdir(find_project().root)
    return main(["restore", *(["--discard"] if chosen.discard else [])])
