"""Put the kit's sources into the project, to be edited there."""

from __future__ import annotations

import argparse
import os

from mlpo_kit.config.project import find_project
from mlpo_kit.setup.verbs import main

HELP = "put the kit's sources into vendor/mlpo-kit, yours to edit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(chosen: argparse.Namespace) -> int:
    """Write them, and say what comes next."""
    os.chdir(find_project().root)
    return main(["eject"])
