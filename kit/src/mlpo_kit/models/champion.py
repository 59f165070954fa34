"""Find the champion's version without importing MLflow, which takes two seconds."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from mlpo_kit.config.settings import REGISTRY_VARIABLE

_QUERY = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = 'champion'"


def find_champion_number(name: str, root: Path) -> int | None:
    """Return the number of the champion of the model `name`; 0 if there is none.

    Reads the table of MLflow (3.17) in the local registry in `root`, the store's root folder. None
    if the registry is on a server, or can't be read.
    """
    if os.environ.get(REGISTRY_VARIABLE):
        return None
    database = root / "registry" / "mlflow.db"
    if not database.is_file():
        return 0
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            row = opened.execute(_QUERY, (name,)).fetchone()
            return 0 if row is None else int(row[0])
    except (sqlite3.Error, ValueError):
        return None
