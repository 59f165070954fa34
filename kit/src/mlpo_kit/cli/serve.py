"""Serve the champion over HTTP."""

from __future__ import annotations

import argparse

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import write_message
from mlpo_kit.config.settings import load_settings
from mlpo_kit.store import open_store

HELP = "serve the champion over HTTP until you stop it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --host and --port."""
    add_profile(parser)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: 127.0.0.1, this machine only)",
    )
    parser.add_argument("--port", type=int, default=8000, help="the port (default: 8000)")


def run(chosen: argparse.Namespace) -> int:
    """Serve until a signal stops the process."""
    from mlpo_kit.models.choosing import find_champion, open_weights
    from mlpo_kit.models.server import serve_model

    settings = load_settings(chosen.profile)
    champion = find_champion(settings)
    model = open_weights(open_store(settings), champion)
    serve_model(model, chosen.host, chosen.port, champion.number)
    write_message("stopped")
    return DONE
