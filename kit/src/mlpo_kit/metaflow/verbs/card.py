"""Serve Metaflow's live cards to the browser."""

from __future__ import annotations

import argparse
import os

from mlpo_kit.config.settings import load_settings
from mlpo_kit.metaflow.launch import prepare, start_flow
from mlpo_kit.metaflow.variants import VARIANT, choose_variant, find_newest_variant
from mlpo_kit.metaflow.verbs.options import add_options
from mlpo_kit.models.ports import check_port

HELP = "show Metaflow's live cards at http://127.0.0.1:8324"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --variant and --port; other arguments go to Metaflow's `card server`."""
    add_options(parser)
    parser.add_argument("--port", type=int, default=8324, help="the port (default: 8324)")


def run(chosen: argparse.Namespace) -> int:
    """Serve the cards of the flow that was started last on this machine, until Ctrl-C."""
    settings = load_settings(chosen.profile)
    wanted = chosen.variant or os.environ.get(VARIANT) or find_newest_variant()
    prepare(settings, "card")
    check_port("127.0.0.1", chosen.port, "make card ARGS='--port {}'")
    server = ["card", "server", "--port", str(chosen.port)]
    return start_flow([*server, *chosen.extra_arguments], choose_variant(settings, wanted))
