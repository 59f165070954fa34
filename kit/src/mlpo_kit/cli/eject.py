"""Copy the kit's sources into the project, where they can be edited."""

from __future__ import annotations

import argparse
import os

from mlpo_kit.config.project import find_project
from mlpo_kit.setup.verbs import main

HELP = "copy the kit's sources into vendor/mlpo-kit, where you can edit them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(chosen: argparse.Namespace) -> int:
    """Copy the sources and print the next step."""
    os.chdir(find_project().root)
    return main(["eject"])
