"""Open MLflow's own UI on the runs and models."""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import tempfile
import webbrowser
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mlpo_kit.cli.exit_codes import DONE
from mlpo_kit.cli.options import add_profile
from mlpo_kit.cli.output import write_line, write_message
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import REGISTRY_VARIABLE, check_registry_is_shared, load_settings
from mlpo_kit.errors import PipelineError

HELP = "open MLflow's UI on the runs and models until you stop it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --profile, --port and --no-browser."""
    add_profile(parser)
    parser.add_argument("--port", type=int, default=5000, help="the port (default: 5000)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, do not open")


def run(chosen: argparse.Namespace) -> int:
    """Print the address of the MLflow server, or serve the local registry until a signal."""
    settings = load_settings(chosen.profile)
    check_registry_is_shared(settings)
    uri = os.environ.get(REGISTRY_VARIABLE, "")
    if uri.startswith(("http://", "https://")):
        _open(_hide_password(uri), chosen, f"the address in {REGISTRY_VARIABLE}")
        return DONE
    registry = settings.local_root / "registry"
    if not uri:
        _check_database(registry / "mlflow.db")
    _serve(chosen, uri or f"sqlite:///{registry / 'mlflow.db'}", registry)
    return DONE


def _check_database(path: Path) -> None:
    """Raise PipelineError if the local registry does not exist or can't be read."""
    if not path.is_file():
        raise PipelineError(f"nothing was tracked in {path.parent} yet: `make run` starts a run")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise PipelineError(
            f"{path} is not a readable MLflow database ({error}): restore it from a copy, or move "
            "it away, and `make run` creates a new one"
        ) from None


def _serve(chosen: argparse.Namespace, backend: str, registry: Path) -> None:
    """Install the UI if necessary, and serve it until a signal."""
    from mlpo_kit.models.ports import check_port, find_free_port
    from mlpo_kit.models.ui_environment import FOLDER, find_ui, install_ui
    from mlpo_kit.models.ui_server import HOST, check_ui, serving_ui

    port = chosen.port or find_free_port(HOST, 5000)
    check_port(HOST, port, "make ui PORT={}")
    root = find_project().root
    python = find_ui(root)
    if python is None:
        write_message(f"installing MLflow's UI into {FOLDER}: once, 0.6 GB")
        python = install_ui(root)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "ui.log"
        try:
            with serving_ui(python, backend, registry, port, log) as process:
                _open(f"http://{HOST}:{port}", chosen, f"shows {registry}; Ctrl-C stops it")
                process.wait()
                check_ui(process, log)
        except KeyboardInterrupt:
            write_message("stopped")


def _open(url: str, chosen: argparse.Namespace, note: str) -> None:
    """Print the address and a note, and open the address in a browser if there is a screen."""
    write_line(f"MLflow's UI: {url} ({note})")
    sys.stdout.flush()
    has_screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if not chosen.no_browser and (has_screen or sys.platform == "darwin"):
        webbrowser.open(url)


def _hide_password(uri: str) -> str:
    """Return the address of a server without a user's name and password."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _interrupt(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt
