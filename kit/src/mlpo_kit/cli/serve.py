"""Serve the champion over HTTP."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import write_message
from mlpo_kit.config.settings import BaseSettings, check_registry_is_shared, load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.store import open_store

if TYPE_CHECKING:
    from mlpo_kit.models.registry import Version

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
    from mlpo_kit.models.server import serve_model

    settings = load_settings(chosen.profile)
    champion = find_champion(settings)
    model = open_store(settings).open(champion.model)
    serve_model(model, chosen.host, chosen.port, champion.number)
    write_message("stopped")
    return DONE


def find_champion(settings: BaseSettings) -> Version:
    """Return the champion; raises PipelineError if no model was deployed yet."""
    from mlpo_kit.models.registry import open_registry

    check_registry_is_shared(settings)
    champion = open_registry(settings).champion()
    if champion is None:
        raise PipelineError("no model is deployed yet: `make run` trains and deploys one")
    return champion
