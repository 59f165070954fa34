"""Serve ZenML's dashboard for this project, reachable from this machine only."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import load_settings
from mlpo_kit.models.ports import check_port
from mlpo_kit.zenml.environment import use_local_store
from mlpo_kit.zenml.local_store import open_local_store

HELP = "serve ZenML's dashboard at http://127.0.0.1:8237 until Ctrl-C"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --port."""
    parser.add_argument("--port", type=int, default=8237, help="the port (default: 8237)")


def run(chosen: argparse.Namespace) -> int:
    """Serve the dashboard until Ctrl-C."""
    check_port("127.0.0.1", chosen.port, "make dashboard ARGS='--port {}'")
    home = use_local_store(load_settings().local_root, find_project().root)
    with open_local_store(home):
        from zenml.client import Client

        # Otherwise the dashboard starts with a form that asks for an e-mail address.
        metadata = {"finished_onboarding_survey": True}
        user = Client().active_user
        Client().update_user(user.id, updated_email_opt_in=False, updated_metadata=metadata)
    for name in ("ZENML_STORE_TYPE", "ZENML_STORE_URL"):
        del os.environ[name]  # `zenml login` refuses to start with them; it finds the same store
    zenml = Path(sys.executable).with_name("zenml")
    command = [str(zenml), "login", "--local", "--blocking", "--port", str(chosen.port)]
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:
        return 0
