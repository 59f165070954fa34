"""Take the kit's sources out of the project again: its wheel counts."""

from __future__ import annotations

import argparse
import os

from mlpo_kit.config.project import find_project
from mlpo_kit.setup.verbs import main

HELP = "take ejected sources back: the wheel in vendor/ counts again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether edits may go."""
    parser.add_argument("--discard", action="store_true", help="also where they were edited")


def run(chosen: argparse.Namespace) -> int:
    """Delete them, and say what comes next."""
    os.chdir(find_project().root)
    return main(["restore", *(["--discard"] if chosen.discard else [])])
