"""Serve ZenML's dashboard over this project's records, on this machine and to it only."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import load_settings
from mlpo_kit.zenml.environment import use_local_store
from mlpo_kit.zenml.local_store import open_local_store

HELP = "ZenML's dashboard at http://127.0.0.1:8237, until Ctrl-C"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to listen."""
    parser.add_argument("--port", type=int, default=8237)


def run(chosen: argparse.Namespace) -> int:
    """Serve it until a signal comes."""
    home = use_local_store(load_settings().local_root, find_project().root)
    with open_local_store(home):
        from zenml.client import Client

        # Or it begins with a form that asks for an e-mail address.
        answered = {"finished_onboarding_survey": True}
        user = Client().active_user
        Client().update_user(user.id, updated_email_opt_in=False, updated_metadata=answered)
    for name in ("ZENML_STORE_TYPE", "ZENML_STORE_URL"):
        del os.environ[name]  # the command insists; it looks in the same place without them
    zenml = Path(sys.executable).with_name("zenml")
    command = [str(zenml), "login", "--local", "--blocking", "--port", str(chosen.port)]
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:
        return 0
