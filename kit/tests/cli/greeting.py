"""A verb of one orchestrator only."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.output import write_line

HELP = "greet somebody"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")


def run(chosen: argparse.Namespace) -> int:
    write_line(f"hello {chosen.name}")
    return 0
